// What is wrong with the sources. Nothing is thrown at the first mistake: authors want to see all of them at once.

/** A list of problems, each with the place where it can be mended. */
export class Problems {
  #list = [];

  /**
   * @param {string} file  path from the course's root
   * @param {number} line  counted from 1; 0 for the file as a whole
   * @param {string} text  what is wrong, without a full stop
   */
  add(file, line, text) {
    const place = line > 0 ? `${file}:${line}` : file;
    const entry = `${place}: ${text}`;
    if (!this.#list.includes(entry)) this.#list.push(entry);
  }

  get count() {
    return this.#list.length;
  }

  /** All of them, a line each, in the order of their places. */
  toString() {
    return [...this.#list].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).join("\n");
  }
}

/** Trouble that ends the run: its message is the whole of what the user needs. */
export class Trouble extends Error {}
