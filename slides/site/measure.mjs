// Does each slide fit, and each summary sheet? Asked of the browser that shows them.

const room = 6; // px that letters may stand over their box without being seen

/**
 * @param {import("playwright-core").Page} page  a deck is open in it
 * @returns {Promise<{slide: number, text: string}[]>}  what is too large, in words
 */
export async function measureSlides(page) {
  return page.evaluate((room) => {
    const found = [];
    document.querySelectorAll("section[id]").forEach((section, index) => {
      const complain = (text) => found.push({ slide: index + 1, text });
      const frame = section.getBoundingClientRect();
      if (frame.width === 0) return; // another slide is shown
      const scale = frame.width / 1280;
      const sources = section.querySelector(":scope > .sources");
      const floor = sources ? (sources.getBoundingClientRect().top - frame.top) / scale : 700;
      const folded = [...section.querySelectorAll("details")];
      const states = [null, ...folded];
      let low = 0, right = 0;
      for (const open of states) {
        for (const one of folded) one.open = one === open;
        for (const element of section.querySelectorAll("*")) {
          if (sources?.contains(element) || element.ownerSVGElement) continue;
          const box = element.getBoundingClientRect();
          if (box.width === 0 || box.height === 0) continue;
          low = Math.max(low, (box.bottom - frame.top) / scale);
          right = Math.max(right, (box.right - frame.left) / scale);
          if (element.tagName === "PRE") right = Math.max(right, (box.left - frame.left) / scale + element.scrollWidth);
        }
      }
      for (const one of folded) one.open = false;
      if (low > floor + room) complain(`overflows by ${Math.ceil(low - floor)} px`);
      if (right > 1256) complain(`is too wide by ${Math.ceil(right - 1252)} px`);
      for (const svg of section.querySelectorAll("figure.picture svg")) {
        const sizes = [...svg.querySelectorAll("text")].map((text) => (parseFloat(getComputedStyle(text).fontSize) * (svg.getScreenCTM()?.a ?? 1)) / scale);
        const least = Math.min(...sizes);
        if (least < 12) complain(`its picture is shrunk until its text is ${least.toFixed(1)} px high`);
      }
    });
    return found;
  }, room);
}

/**
 * Makes a sheet's letters as large as one page allows.
 * @returns {Promise<number>}  their size in points; 0 when even the smallest do not fit
 */
export async function fitSheet(page, largest = 10.5, smallest = 7.8) {
  return page.evaluate(([largest, smallest]) => {
    const sheet = document.querySelector(".sheet");
    for (let size = largest; size >= smallest; size -= 0.1) {
      sheet.style.fontSize = `${size}pt`;
      if (sheet.scrollWidth <= sheet.clientWidth + 1 && sheet.scrollHeight <= sheet.clientHeight + 1) return Number(size.toFixed(1));
    }
    return 0;
  }, [largest, smallest]);
}
