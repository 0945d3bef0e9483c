// `{{05.title}}` and the like: numbers and names that the manifests know.

/** The value of one such word; undefined when there is none. */
function valueOf(course, word) {
  const sum = (count) => course.labs.reduce((total, lab) => total + count(lab), 0);
  const cores = (lab) => lab.checks.filter((check) => !check.stretch).length;
  const badges = (lab) => lab.checks.filter((check) => check.stretch).length;
  const mistakes = (lab) => course.mistakes(lab).length;
  const whole = {
    labs: () => course.labs.length,
    checks: () => sum(cores) + sum(badges),
    badges: () => sum(badges),
    mistakes: () => sum(mistakes),
  };
  if (word in whole) return whole[word]();
  const [, number, what] = word.match(/^(\d\d)\.(\w+)$/) ?? [];
  const lab = course.lab(number);
  const ofLab = { title: (l) => l.title, program: (l) => l.program, checks: cores, badges, mistakes };
  return lab && what in ofLab ? ofLab[what](lab) : undefined;
}

/** Puts the values into a line; `complain` hears of words that mean nothing. */
export const fillWords = (course, line, complain) =>
  line.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (all, word) => {
    const value = valueOf(course, word);
    if (value === undefined) complain(`nothing is called ${all}`);
    return value ?? all;
  });
