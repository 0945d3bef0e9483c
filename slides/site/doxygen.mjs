// The API reference: Doxygen over the headers of common/ and grader/, with the settings of slides/site/Doxyfile.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawn } from "node:child_process";

const style = "/usr/share/doxygen-awesome-css/doxygen-awesome.css";

/**
 * Writes the reference into `folder`.
 * @returns {Promise<{names: {name: string, kind: string, page: string}[], errors: string[]}>}
 */
export async function buildReference(root, here, folder, work) {
  mkdirSync(work, { recursive: true });
  mkdirSync(folder, { recursive: true });
  const tags = join(work, "reference.tag");
  const settings = [
    readFileSync(join(here, "Doxyfile"), "utf8"),
    `STRIP_FROM_PATH = "${root}"`,
    `HTML_OUTPUT = "${folder}"`,
    `GENERATE_TAGFILE = "${tags}"`,
    ...(existsSync(style) ? [`HTML_EXTRA_STYLESHEET = "${style}" "${join(here, "assets/reference.css")}"`] : []),
  ];
  const { status, output } = await feed("doxygen", ["-"], settings.join("\n"), root);
  const errors = output.split("\n").filter((line) => /(warning|error):/i.test(line)).map((line) => line.replaceAll(`${root}/`, ""));
  if (status !== 0 && !errors.length) errors.push(`doxygen: ${output.trim() || `exit status ${status}`}`);
  mendLinks(folder);
  return { names: existsSync(tags) ? readTags(readFileSync(tags, "utf8")) : [], errors: status === 0 ? [] : errors };
}

/** A page's summary may name a part that Doxygen leaves out, because nothing in it is public. */
function mendLinks(folder) {
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".html"))) {
    const html = readFileSync(join(folder, name), "utf8");
    const mended = html.replace(/<a href="#([\w-]+)">[^<]*<\/a>(?: &#124;\s*)?/g, (all, part) => (html.includes(`name="${part}"`) || html.includes(`id="${part}"`) ? all : ""));
    if (mended !== html) writeFileSync(join(folder, name), mended);
  }
}

function feed(command, words, input, cwd) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd });
    let output = "";
    child.stdout.on("data", () => {});
    child.stderr.on("data", (bytes) => (output += bytes));
    child.on("error", (error) => resolve({ status: -1, output: error.message }));
    child.on("close", (status) => resolve({ status, output }));
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

/** Classes, structures and functions, for the search. */
function readTags(text) {
  const names = new Map();
  for (const [, kind, compound] of text.matchAll(/<compound kind="(\w+)"[^>]*>([\s\S]*?)<\/compound>/g)) {
    const own = compound.match(/<name>(.*?)<\/name>\s*<filename>(.*?)<\/filename>/);
    const page = (file) => (file.endsWith(".html") ? file : `${file}.html`);
    if (own && ["class", "struct"].includes(kind)) names.set(own[1], { name: own[1], kind, page: page(own[2]) });
    for (const [, what, member] of compound.matchAll(/<member kind="(\w+)"[^>]*>([\s\S]*?)<\/member>/g)) {
      const found = member.match(/<name>(.*?)<\/name>[\s\S]*?<anchorfile>(.*?)<\/anchorfile>\s*<anchor>(.*?)<\/anchor>/);
      if (!found || what !== "function" || kind === "file") continue;
      const name = kind === "namespace" || !own ? found[1] : `${own[1].replace(/^.*::/, "")}::${found[1]}`;
      if (!names.has(name)) names.set(name, { name, kind: what, page: `${page(found[2])}#${found[3]}` });
    }
  }
  return [...names.values()];
}
