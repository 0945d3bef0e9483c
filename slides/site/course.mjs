// What the repository says of the course: labs and their checks, mistakes, messages, tests of claims.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "./packages.mjs";
import { Trouble } from "./problems.mjs";

/** The number of the opening deck, which has no lab. */
export const opening = "00";

/**
 * @typedef {object} Lab
 * @property {string} number   "05"
 * @property {string} id       "05-unreliable-udp": the name of its folder everywhere
 * @property {string} title
 * @property {string} program
 * @property {string} deck     path of its deck from the root
 * @property {object[]} checks  as in lab.toml, with the line where each stands
 * @property {string[]} files  what students write
 */

/** The course at `root`, read once. */
export class Course {
  constructor(root) {
    this.root = root;
    /** @type {Lab[]} */
    this.labs = readdirSync(join(root, "labs"))
      .filter((name) => existsSync(join(root, "labs", name, "lab.toml")))
      .sort()
      .map((name) => readLab(root, name));
  }

  /** The lab of this number ("05"), or undefined. */
  lab(number) {
    return this.labs.find((lab) => lab.number === number);
  }

  /** A file of the repository as text; undefined when there is none. */
  text(path) {
    const whole = join(this.root, path);
    return existsSync(whole) ? readFileSync(whole, "utf8") : undefined;
  }

  /** The files of a folder, sorted; none when there is no such folder. */
  list(folder) {
    const whole = join(this.root, folder);
    return existsSync(whole) ? readdirSync(whole).sort() : [];
  }

  /** The path of a lab's deck ("00" is the opening one), also when nobody has written it yet. */
  deck(number) {
    if (number === opening) return "slides/00-the-course.md";
    return this.lab(number)?.deck;
  }

  /** The title that a mistake's patch gives it; undefined when there is no such mistake. */
  mistakeTitle(lab, name) {
    return this.text(`grader/mistakes/${lab.id}/${name}.patch`)?.match(/^Title:\s*(.*(?:\n .*)*)/m)?.[1].replace(/\n\s*/g, " ");
  }

  mistakes(lab) {
    return this.list(`grader/mistakes/${lab.id}`).filter((name) => name.endsWith(".patch"));
  }

  /** What those are told who make a mistake: every text on record, with each number as `#`. */
  messages(lab, mistake, check) {
    const blocks = (this.text(`grader/mistakes/${lab.id}/messages.txt`) ?? "").split(/\n(?=\S+: \S+\n)/);
    return blocks
      .filter((block) => block.startsWith(`${mistake}: ${check}\n`))
      .map((block) => block.split("\n").slice(1).map((line) => line.trim()).join(" ").trim());
  }

  /** Whether tests/claims/NN.cc has TEST(ClaimsNN, name). */
  hasClaim(number, name) {
    return new RegExp(`TEST(_F)?\\(Claims${number},\\s*${name}\\)`).test(this.text(`tests/claims/${number}.cc`) ?? "");
  }
}

function readLab(root, id) {
  const path = `labs/${id}/lab.toml`;
  const text = readFileSync(join(root, path), "utf8");
  let manifest;
  try {
    manifest = load("smol-toml").parse(text);
  } catch (error) {
    throw new Trouble(`${path}: ${error.message}`);
  }
  const number = String(manifest.number).padStart(2, "0");
  const lines = text.split("\n");
  const checks = manifest.check.map((check) => ({
    ...check,
    line: 1 + lines.findIndex((line) => line.replaceAll(" ", "") === `name="${check.name}"`),
  }));
  return { number, id, title: manifest.title, program: manifest.program, deck: manifest.slides, files: manifest.files, manifest: path, checks };
}
