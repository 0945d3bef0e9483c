// Recorded runs of the checks: on a solution, or on a catalogued mistake. Each is made once, and kept as long as the
// program, the check and what both stand on are the same.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const seed = "7"; // what checks draw at random is the same in every site
const tries = 3; // a run that could not be judged is made again

/** Runs a command; gives its exit status and all it printed. */
export function run(command, words, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (bytes) => (output += bytes));
    child.stderr.on("data", (bytes) => (output += bytes));
    child.on("error", (error) => resolve({ status: -1, output: error.message }));
    child.on("close", (status) => resolve({ status: status ?? 128, output }));
  });
}

/** Does `work` for each item, at most `limit` at a time. */
export async function eachOf(items, limit, work) {
  const left = [...items];
  await Promise.all(
    Array.from({ length: Math.min(limit, left.length) }, async () => {
      while (left.length) await work(left.shift());
    }),
  );
}

/**
 * @typedef {object} Wanted
 * @property {import("./course.mjs").Lab} lab
 * @property {string} check
 * @property {string} mistake  "" for the solution
 */

export class Runs {
  #keys = new Map();

  /**
   * @param {import("./course.mjs").Course} course
   * @param {string} wirelab  the built program
   * @param {string} folder   where runs are kept
   */
  constructor(course, wirelab, folder) {
    this.course = course;
    this.wirelab = wirelab;
    this.folder = folder;
  }

  /** The evidence of one run: its folder, its verdict; undefined when it is not there. */
  get({ lab, check, mistake }) {
    const folder = join(this.evidence({ lab, mistake }), lab.id, check);
    const file = join(folder, "verdict.json");
    return existsSync(file) ? { folder, verdict: JSON.parse(readFileSync(file, "utf8")) } : undefined;
  }

  /** The folder that `wirelab show --evidence` wants for runs on this program. */
  evidence({ lab, mistake }) {
    return join(this.folder, `${lab.number}${mistake ? "-" + mistake : ""}-${this.#key(lab, mistake)}`);
  }

  /**
   * Makes the runs that are not there yet.
   * @param {Wanted[]} wanted
   * @param {(text: string) => void} say
   * @returns {Promise<Map<string, string>>}  why a run could not be had: "05/CHECK", "05/CHECK mistake=NAME"
   */
  async make(wanted, say) {
    const trouble = new Map();
    const groups = new Map();
    for (const one of wanted) {
      if (this.get(one)) continue;
      const group = this.evidence(one);
      if (!groups.has(group)) groups.set(group, { lab: one.lab, mistake: one.mistake, checks: new Set() });
      groups.get(group).checks.add(one.check);
    }
    let left = [...groups.values()].reduce((sum, { checks }) => sum + checks.size, 0);
    if (left) say(`Running ${left} checks whose packets are shown`);
    await eachOf(groups.values(), 3, async (group) => {
      for (let i = 0; i < tries && group.checks.size; ++i) await this.#runGroup(group, trouble);
      left -= group.checks.size;
    });
    return trouble;
  }

  async #runGroup({ lab, mistake, checks }, trouble) {
    mkdirSync(this.folder, { recursive: true });
    const made = mkdtempSync(join(this.folder, "run-"));
    const only = [...checks].flatMap((check) => ["--only", check]);
    const what = mistake ? ["--mistake", mistake] : ["--solution"];
    const { output } = await run(this.wirelab, ["check", lab.number, ...what, ...only, "--evidence", made, "--seed", seed]);
    for (const check of [...checks]) {
      const name = nameOf({ lab, check, mistake });
      const file = join(made, lab.id, check, "verdict.json");
      if (!existsSync(file)) {
        trouble.set(name, `the run of ${name} left nothing:\n${output.trim()}`);
        continue;
      }
      const { outcome, reason } = readOutcome(file);
      if (outcome !== (mistake ? "failed" : "passed")) {
        trouble.set(name, `the run of ${name} ${outcome}${reason ? ": " + reason : ""}`);
        continue;
      }
      const kept = join(this.evidence({ lab, mistake }), lab.id);
      mkdirSync(kept, { recursive: true });
      rmSync(join(kept, check), { recursive: true, force: true });
      renameSync(join(made, lab.id, check), join(kept, check));
      trouble.delete(name);
      checks.delete(check);
    }
    rmSync(made, { recursive: true, force: true });
  }

  /** Changes when the check, the program, or what they stand on does. */
  #key(lab, mistake) {
    const name = `${lab.id} ${mistake}`;
    if (!this.#keys.has(name)) {
      const hash = createHash("sha256").update(seed);
      const folders = [`solutions/${lab.id}`, `labs/${lab.id}`, "common"];
      const files = folders.flatMap((folder) => this.course.list(folder).map((file) => join(this.course.root, folder, file)));
      files.push(join(this.wirelab, "..", `check-${lab.id}`));
      if (mistake) files.push(join(this.course.root, "grader/mistakes", lab.id, `${mistake}.patch`));
      for (const file of files) {
        if (existsSync(file) && statSync(file).isFile()) hash.update(file.slice(this.course.root.length)).update(readFileSync(file));
      }
      this.#keys.set(name, hash.digest("hex").slice(0, 12));
    }
    return this.#keys.get(name);
  }

  /** Takes away runs of programs and checks that are no longer so. Call it when all of the site's runs are made. */
  forgetOld(used) {
    const keep = new Set(used.map((one) => this.evidence(one)));
    for (const name of existsSync(this.folder) ? readdirSync(this.folder) : []) {
      const folder = join(this.folder, name);
      if (!keep.has(folder)) rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** "05/CHECK", or "05/CHECK mistake=NAME": how a run is called in messages. */
export const nameOf = ({ lab, check, mistake }) => `${lab.number}/${check}${mistake ? " mistake=" + mistake : ""}`;

function readOutcome(file) {
  const verdict = JSON.parse(readFileSync(file, "utf8"));
  return { outcome: verdict.verdict, reason: verdict.reason };
}
