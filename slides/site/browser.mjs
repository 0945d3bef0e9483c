// Chromium, Debian's own, without a window: measures slides and prints pages.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "./packages.mjs";
import { Trouble } from "./problems.mjs";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser's path; undefined where none is installed. */
export const findChromium = () => [process.env.WIRELAB_CHROMIUM, ...candidates].find((path) => path && existsSync(path));

/**
 * Gives `work` a browser, which ends with it. It keeps nothing: its home is a new folder that is removed. When the
 * browser itself dies (a machine without memory, somebody's kill), `work` begins once more, with a new one.
 */
export async function withBrowser(work) {
  for (let tries = 2; ; --tries) {
    let died = false;
    try {
      return await withOneBrowser(work, () => (died = true));
    } catch (error) {
      if (!died) throw error;
      if (tries === 1) throw new Trouble(`chromium died twice: ${error.message}`);
    }
  }
}

async function withOneBrowser(work, onDeath) {
  const executablePath = findChromium();
  if (!executablePath) throw new Trouble("chromium is not installed; on Debian: sudo apt-get install chromium");
  const { chromium } = load("playwright-core");
  const home = mkdtempSync(join(tmpdir(), "wirelab-chromium-"));
  const args = ["--disable-dev-shm-usage", "--font-render-hinting=none"];
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  let browser;
  try {
    // Chromium's own sandbox cannot be had everywhere (not as root, say); what is opened here is our own.
    browser = await chromium.launch({ executablePath, args, env, chromiumSandbox: false });
    browser.on("disconnected", onDeath);
    return await work(browser);
  } finally {
    browser?.off("disconnected", onDeath);
    await browser?.close().catch(() => {});
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  }
}
