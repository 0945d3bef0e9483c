// Pictures: ladders and headers of recorded runs, drawn by `wirelab show`; diagrams from text, drawn by graphviz and
// msc-generator. All of them are SVG, and stand in the page itself, so that their text can be read and found.

import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { escape, inlineSvg } from "./html.mjs";
import { run } from "./runs.mjs";

let drawn = 0;

/** Gives each picture's ids a prefix of its own: in one page they would mix. */
function ownIds(svg) {
  const prefix = `p${++drawn}-`;
  return svg
    .replace(/\bid="([^"]+)"/g, `id="${prefix}$1"`)
    .replace(/url\(#([^)]+)\)/g, `url(#${prefix}$1)`)
    .replace(/\b((?:xlink:)?href|aria-labelledby|aria-describedby)="(#?)([\w.: -]+)"/g, (all, key, hash, names) =>
      key.endsWith("href") && !hash ? all : `${key}="${hash}${names.split(" ").map((name) => prefix + name).join(" ")}"`);
}

/** Lets a command write an SVG file, and reads it. @returns {Promise<{svg: string} | {error: string}>} */
async function drawWith(command, words, text = "") {
  const folder = mkdtempSync(join(tmpdir(), "wirelab-picture-"));
  try {
    const source = join(folder, "picture.txt");
    const target = join(folder, "picture.svg");
    if (text) writeFileSync(source, text);
    const { status, output } = await run(command, words(target, source), { env: { ...process.env, HOME: folder } });
    if (status !== 0 || !existsSync(target)) return { error: `${command} ${status === -1 ? "could not be started" : "failed"}: ${output.trim()}` };
    return { svg: ownIds(inlineSvg(readFileSync(target, "utf8"))) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A ladder (`frames`: "1-5" or nothing), or one frame's headers (`packet` and `layers`). */
export function drawRun(runs, wanted, { frames, packet, layers }) {
  const words = (target) => [
    "show", wanted.lab.number, wanted.check, "--evidence", runs.evidence(wanted), "--svg", target,
    ...(frames ? ["--frames", frames] : []),
    ...(packet ? ["--packet", packet] : []),
    ...(layers ? ["--layers", layers] : []),
  ];
  return drawWith(runs.wirelab, words);
}

/** ```dot: graphviz, in the page's own colours. */
export async function drawDot(text) {
  const result = await drawWith("dot", (target, source) => ["-Tsvg", "-Gbgcolor=transparent", "-Gfontname=sans-serif", "-Nfontname=sans-serif", "-Efontname=sans-serif", `-o${target}`, source], text);
  if (result.svg) {
    result.svg = result.svg
      .replace(/<title>[^<]*<\/title>/g, "")
      .replace(/(fill|stroke)="black"/g, '$1="currentColor"')
      .replace(/fill="(white|transparent)"/g, 'fill="none"')
      .replace(/<text (?![^>]*fill=)/g, '<text fill="currentColor" ');
  }
  return result;
}

/** ```msc: msc-generator. */
export async function drawMsc(text) {
  const result = await drawWith("msc-gen", (target, source) => ["-S", "signalling", "-T", "svg", "-o", target, source], text);
  if (result.svg) result.svg = result.svg.replace(/rgb\(0%, ?0%, ?0%\)/g, "currentColor");
  return result;
}

/** A figure that fits into its slide. */
export const figure = (svg, kind, label) =>
  `<figure class="picture ${kind}" role="img" aria-label="${escape(label)}">${svg.replace(/\n\s*\n/g, "\n")}</figure>`;
