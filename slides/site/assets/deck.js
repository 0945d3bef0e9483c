// Slides have numbers in Marp and names in links: `#backoff` becomes `#11` before Marp's script reads it.
(() => {
  const go = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    if (!Object.hasOwn(slideNames, name)) return false;
    history.replaceState(history.state, "", location.pathname + location.search + "#" + slideNames[name]);
    return true;
  };
  go();
  // This listener is the first, so Marp's reads the number as well.
  window.addEventListener("hashchange", go);
})();
