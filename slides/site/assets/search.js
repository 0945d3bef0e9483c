// The search: what is typed goes to search.html, which loads the texts and finds them. No server, no request.
(() => {
  const root = document.currentScript.dataset.root;
  const results = document.getElementById("search-results");
  if (!results) return;
  const status = document.getElementById("search-status");
  const box = document.querySelector("form.search input");

  // Names are found whole (SO_BROADCAST) and by their parts; Chinese, which has no blanks, by pairs of characters.
  const words = (text) => {
    const found = [];
    for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}_]+/gu)) {
      found.push(word);
      if (word.includes("_")) found.push(...word.split("_").filter(Boolean));
      for (const [run] of word.matchAll(/\p{Script=Han}+/gu)) {
        for (let i = 0; i + 1 < run.length; ++i) found.push(run.slice(i, i + 2));
      }
    }
    return found;
  };

  const load = (name) => new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = root + "assets/" + name;
    script.onload = resolve;
    document.head.append(script);
  });

  let index;
  let entries = [];
  window.wirelabSearch = (list) => {
    entries = list.map((entry, id) => ({ ...entry, id }));
  };
  const ready = (async () => {
    await load("minisearch.js");
    await load("search-index.js");
    index = new MiniSearch({ fields: ["title", "text"], tokenize: words, processTerm: (term) => term,
      searchOptions: { boost: { title: 4 }, prefix: (term) => term.length > 2, fuzzy: (term) => (term.length > 5 ? 0.15 : false), combineWith: "AND" } });
    index.addAll(entries);
  })();

  // A piece of the text around the first word that was found.
  const piece = (text, query) => {
    const at = Math.max(0, text.toLowerCase().indexOf(words(query)[0] ?? ""));
    const from = Math.max(0, at - 70);
    return (from ? "… " : "") + text.slice(from, from + 200) + (from + 200 < text.length ? " …" : "");
  };

  const show = async () => {
    const query = box.value.trim();
    await ready;
    results.replaceChildren();
    if (!query) {
      status.textContent = "Type above what you look for.";
      return;
    }
    const found = index.search(query).slice(0, 60);
    status.textContent = found.length ? `${found.length === 60 ? "The first 60" : found.length} found for “${query}”.` : `Nothing found for “${query}”.`;
    for (const { id } of found) {
      const entry = entries[id];
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = root + entry.page;
      link.textContent = entry.title;
      const where = document.createElement("span");
      where.className = "where";
      where.textContent = entry.where;
      const text = document.createElement("p");
      text.textContent = piece(entry.text, query);
      item.append(link, where, text);
      results.append(item);
    }
  };

  box.value = new URLSearchParams(location.search).get("q") ?? "";
  let timer;
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, 120);
  });
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", "?q=" + encodeURIComponent(box.value));
    show();
  });
  show();
})();
