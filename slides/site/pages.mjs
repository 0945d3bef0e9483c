// The frame of every page, and the pages that tie the site together: its entrance, a page for each lab, the glossary.

import { escape, inlineCode } from "./html.mjs";
import { languages } from "./translations.mjs";

/** A whole page. `up` leads to the site's root: "" or "../". */
export function frame({ title, body, up, lang = "en", wide = false, kind = "" }) {
  return `<!DOCTYPE html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${up}assets/site.css">
<script src="${up}assets/search.js" data-root="${up}" defer></script>
</head>
<body class="${kind}">
<a class="skip" href="#content" lang="en">To the content</a>
<header lang="en">
<a class="brand" href="${up}index.html">wirelab</a>
<nav aria-label="Site"><a href="${up}glossary.html">Glossary</a> <a href="${up}api/index.html">Reference</a></nav>
<form class="search" role="search" action="${up}search.html" method="get">
<input type="search" name="q" placeholder="Search" aria-label="Search slides, handouts and reference" autocomplete="off">
</form>
</header>
<main id="content"${wide ? ' class="wide"' : ""}>
${body}
</main>
</body>
</html>
`;
}

const card = (href, title, what, lang) => `<a class="card" href="${escape(href)}"${lang ? ` lang="${lang}"` : ""}><b>${title}</b><span>${what}</span></a>`;

/** The entrance. @param {{lab: object, deck: object, what: string}[]} entries */
export function indexPage({ course, opening, entries }) {
  const rows = entries.map(({ lab, what }) => `<li><a href="labs/${lab.id}.html"><span class="number">${lab.number}</span><span><b>${escape(lab.title)}</b>
<span class="what">${what}</span></span></a></li>`);
  const checks = course.labs.reduce((sum, lab) => sum + lab.checks.length, 0);
  return frame({ title: "wirelab: network programming in C++", up: "", body: `
<h1>Network programming, checked by the network itself</h1>
<p class="lead">${course.labs.length} small programs in C++ that speak over a network, with slides, handouts and ${checks} checks. The grader is the network
they run on: every ladder and every packet on these pages was recorded when a check ran.</p>
<div class="cards">
${opening ? card(`slides/${opening.name}.html`, "Begin here", "Slides: the course, ports and addresses, how to look at packets") : ""}
${card("glossary.html", "Glossary", "The field's words, in a sentence each")}
${card("api/index.html", "Reference", "What programs and checks are written in")}
</div>
<h2>The labs</h2>
<ol class="labs">
${rows.join("\n")}
</ol>` });
}

/** The page of one lab. */
export function labPage({ lab, what, deck, decks, handouts, sheets, questions, terms, before, after }) {
  const anchors = new Set(deck?.slides.map(({ anchor }) => anchor));
  const slideLink = (check) => {
    const name = check.slide?.replace(/^#/, "");
    return deck && anchors.has(name) ? `<a href="../slides/${deck.name}.html#${name}">${escape(check.concept)}</a>` : escape(check.concept);
  };
  const row = (check) => `<tr id="${check.name}"><td class="points">${check.stretch ? escape(check.badge) : check.points}</td>
<td>${inlineCode(check.title)}<br><code class="name">${check.name}</code></td><td>${slideLink(check)}</td></tr>`;
  const rows = (checks) => checks.map(row).join("\n");
  const table = (title, head, checks) => checks.length ? `<h2>${title}</h2>
<div class="table" tabindex="0"><table class="check-list"><thead><tr><th>${head}</th><th>What holds</th><th>Slide</th></tr></thead><tbody>${rows(checks)}</tbody></table></div>` : "";
  const translated = (list, folder) => list.filter(({ lang }) => lang !== "en").map((one) => card(`../${folder}/${one.page}`, languages[one.lang], one.title, one.lang));
  return frame({ title: `${lab.number} · ${lab.title} · wirelab`, up: "../", body: `
<p class="over">Lab ${lab.number} · <code>${escape(lab.program)}</code></p>
<h1>${escape(lab.title)}</h1>
<p class="lead">${what}</p>
<div class="cards">
${deck ? card(`../slides/${deck.name}.html`, "Slides", `${deck.slides.length} of them; press p for the presenter's view`) : ""}
${card(`../handouts/${lab.id}.html`, "Handout", "What to build, and the contract")}
${deck ? card(`../slides/${deck.name}.pdf`, "Slides, PDF", "With the answers to the questions") : ""}
${deck ? card(`../slides/${deck.name}.notes.html`, "Notes", "What the speaker says") : ""}
${sheets.filter(({ lang }) => lang === "en").map((one) => card(`../sheets/${one.name}.pdf`, "Summary, PDF", "One page to have beside you")).join("")}
${card("../api/index.html", "Reference", "The classes of <code>common/</code>")}
${translated(decks, "slides").join("")}${translated(handouts, "handouts").join("")}${sheets.filter(({ lang }) => lang !== "en").map((one) => card(`../sheets/${one.name}.pdf`, languages[one.lang], "PDF", one.lang)).join("")}
</div>
${table("Checks", "points", lab.checks.filter(({ stretch }) => !stretch))}
${table("Badges", "badge", lab.checks.filter(({ stretch }) => stretch))}
${questions ? `<h2>Questions</h2>\n<div class="questions">${questions}</div>` : ""}
${terms.length ? `<h2>Words</h2>\n<p>${terms.map(({ term, id }) => `<a href="../glossary.html#${id}">${inlineCode(term)}</a>`).join(" · ")}</p>` : ""}
<nav class="neighbours" aria-label="Labs">${before ? `<a href="${before.id}.html">← ${before.number} ${escape(before.title)}</a>` : "<span></span>"}${after ? `<a href="${after.id}.html">${after.number} ${escape(after.title)} →</a>` : ""}</nav>` });
}

/** @param {{term: string, id: string, html: string}[]} terms */
export function glossaryPage(terms) {
  const list = terms.map(({ term, id, html }) => `<div id="${id}"><dt>${inlineCode(term)}</dt><dd>${html}</dd></div>`);
  return frame({ title: "Glossary · wirelab", up: "", body: `<h1>Glossary</h1>\n<dl class="glossary">\n${list.join("\n")}\n</dl>` });
}

export const searchPage = () =>
  frame({ title: "Search · wirelab", up: "", kind: "search-page", body: `<h1>Search</h1>\n<p id="search-status" role="status">Type above what you look for.</p>\n<ol id="search-results"></ol>\n<noscript><p>The search needs JavaScript.</p></noscript>` });

/** What the speaker says, slide by slide. */
export function notesPage(deck) {
  const slides = deck.slides.map(({ number, title, notesHtml }) => `<section id="slide-${number}"><h2><a href="${deck.name.replace(/^.*\//, "")}.html#${number}">${number}</a> ${escape(title)}</h2>${notesHtml}</section>`);
  const up = deck.name.includes("/") ? "../../" : "../";
  return frame({ title: `Notes: ${deck.title} · wirelab`, up, lang: deck.lang, body: `<h1>${escape(deck.title)}</h1>\n${slides.join("\n")}` });
}

/** A handout, with its translations one click away. */
export function handoutPage({ title, html, lang, others }) {
  const choice = others.length ? `<nav class="languages" aria-label="Languages">${others.map((one) => `<a href="${one.page}" lang="${one.lang}" hreflang="${one.lang}">${languages[one.lang]}</a>`).join(" · ")}</nav>` : "";
  return frame({ title: `${title} · wirelab`, up: "../", lang, body: `${choice}\n<article class="handout">\n${html}\n</article>` });
}
