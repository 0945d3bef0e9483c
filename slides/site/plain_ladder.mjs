// Until `wirelab show --svg` draws ladders: the frames of a run as lines of text.

import { escape } from "./html.mjs";

export function plainLadder({ verdict }, frames) {
  const [first, last] = (frames ?? "1-99").split("-").map(Number);
  const drawn = verdict.frames.filter((frame) => !frame.background).slice(first - 1, last ?? first);
  const lines = drawn.map((frame) => `${frame.time.toFixed(3)} s  ${frame.from} → ${frame.to}  ${frame.summary}  ${frame.fate}`.trimEnd());
  return `<pre class="plain-ladder">${escape(lines.join("\n"))}</pre>`;
}
