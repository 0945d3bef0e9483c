// The npm packages: installed outside the source tree, which may be read-only, from the committed lockfile.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Trouble } from "./problems.mjs";

let require_;

/**
 * Makes the packages of `slides/package-lock.json` available to `load`, and installs them with `npm ci` when they are
 * not there. Different locks have different folders, so that an update cannot disturb a run.
 * @param {string} slides  the folder with package.json and its lock
 * @param {string} state   a folder that may be written
 * @param {(text: string) => void} say
 */
export function openPackages(slides, state, say) {
  const lock = readFileSync(join(slides, "package-lock.json"));
  const folder = join(state, "packages-" + createHash("sha256").update(lock).digest("hex").slice(0, 12));
  if (!existsSync(folder)) install(slides, state, folder, say);
  require_ = createRequire(join(folder, "package.json"));
}

/** A package, or a file of one: `load("markdown-it")`. */
export const load = (name) => require_(name);

/** The path of a package's file. */
export const pathOf = (name) => require_.resolve(name);

function install(slides, state, folder, say) {
  mkdirSync(state, { recursive: true });
  say("Installing the npm packages that slides/package-lock.json names");
  const made = mkdtempSync(join(state, "npm-"));
  try {
    for (const name of ["package.json", "package-lock.json", ".npmrc"]) copyFileSync(join(slides, name), join(made, name));
    // A user without a home (nobody) has no npm cache either: it gets one that goes away again. No browser is wanted:
    // Debian's is used.
    const nowhere = !process.env.HOME || !existsSync(process.env.HOME);
    const result = spawnSync("npm", ["ci", "--ignore-scripts", "--no-update-notifier"], {
      cwd: made,
      encoding: "utf8",
      env: { ...process.env, ...(nowhere ? { HOME: made } : {}), PUPPETEER_SKIP_DOWNLOAD: "1" },
    });
    if (result.error) throw new Trouble(`start npm: ${result.error.message}`);
    if (result.status !== 0) throw new Trouble(`npm ci did not work:\n${result.stdout}${result.stderr}`);
    rmSync(join(made, ".npm"), { recursive: true, force: true });
    try {
      renameSync(made, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error; // somebody else was faster
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}
