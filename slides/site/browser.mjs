// Chromium, Debian's own, without a window: measures slides and prints pages.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "./packages.mjs";
import { Trouble } from "./problems.mjs";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser's path; undefined where none is installed. */
export const findChromium = () => [process.env.WIRELAB_CHROMIUM, ...candidates].find((path) => path && existsSync(path));

/** Gives `work` a browser, which ends with it. It keeps nothing: its home is a new folder that is removed. */
export async function withBrowser(work) {
  const executablePath = findChromium();
  if (!executablePath) throw new Trouble("chromium is not installed; on Debian: sudo apt-get install chromium");
  const { chromium } = load("playwright-core");
  const home = mkdtempSync(join(tmpdir(), "wirelab-chromium-"));
  // Chromium's sandbox cannot be had as root; what is opened here is our own.
  const args = ["--disable-dev-shm-usage", "--font-render-hinting=none", ...(process.getuid() === 0 ? ["--no-sandbox"] : [])];
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  let browser;
  try {
    browser = await chromium.launch({ executablePath, args, env, chromiumSandbox: false });
    return await work(browser);
  } finally {
    await browser?.close();
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  }
}
