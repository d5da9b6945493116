// Waits for, measures and reads a document whose scripts run. This runs in a world of its own: it shares the elements with
// the output's scripts, and nothing else. All sizes in CSS pixels. `dom` and `whole` come from whole.js,
// `characters` from characters.js.
({ dom, whole }, characters) => {
  const widest = 4096;
  const margin = 16;  // of the body
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

  // What libraries have not drawn into yet.
  const waits = '.plotly-graph-div:not(:has(.main-svg)), [data-root-id]:not(:has(*)), [id^="altair-viz-"]:not(:has(canvas, svg)), [data-gpu-doc-draws], '
    + 'table[id^="itables_"]:not(.dataTable)';
  const empty = () => dom.all(document, waits);

  const settled = async () => {
    await whole.settled(document);
    await frames();
  };

  const waiting = () => document.readyState !== 'complete' || empty().length > 0;

  const filled = 'img, svg, canvas, video, iframe, object, embed';
  const images = () => dom.elements(document).filter((each) => each.matches(filled) && dom.visible(each)).map(dom.rect)
    .filter(({ width, height, right, bottom }) => width > 0 && height > 0 && right > 0 && bottom > 0);

  const failure = () => dom.all(document, '.no-webgl').filter(dom.visible).length ? 'webgl' : '';

  // A legend of Plotly's that is too long for its plot scrolls, inside its SVG.
  const cutLegends = () => dom.all(document, '.js-plotly-plot .legend')
    .filter((legend) => dom.all(legend, '.scrollbar').some((bar) => dom.rect(bar).height > 1))
    .map((legend) => {
      const [shown, all] = ['.bg', '.scrollbox'].map((part) => Math.round(dom.rect(dom.all(legend, part)[0]).height));
      return { kind: 'box', tag: 'legend', side: 'height', limit: shown, size: all };
    });

  // Labels that Plotly takes for formulas. It drops the text beside one, shows errors of MathJax's as labels, and without
  // MathJax shows dollars. `text` is hidden where a formula stands for it.
  const labels = () => dom.all(document, '.js-plotly-plot [data-unformatted]').map((label) => {
    const source = dom.attribute(label, 'data-unformatted').trim();
    const told = { kind: 'label', text: source.slice(0, 60) };
    const whole = /^\$+[^$]+\$+$/.test(source);
    if (dom.attribute(label, 'data-math') !== 'Y') {
      const group = dom.all(dom.parent(label), '[data-math="Y"]').some((each) => dom.attribute(each, 'data-unformatted').trim() === source);
      return whole && !group ? { ...told, address: 'it is not typeset' } : null;
    }
    if (!whole) return { ...told, address: 'Plotly takes a part of it for a formula, and drops the rest' };
    const [error] = dom.all(label, '[data-mml-node="merror"]');
    return error ? { ...told, address: `MathJax says “${dom.attribute(error, 'data-mjx-error')}”` } : null;
  }).filter(Boolean);

  // What is to be cut out, from the body's content on; `keep` is what images fill of it.
  const measured = async ({ highest, largest }) => {
    await settled();
    const body = dom.body(document);
    const losses = [...whole.pageLosses(document), ...cutLegends(), ...labels()];
    const area = dom.rect(body);
    const [x, y] = [Math.round(area.left + scrollX), Math.round(area.top + scrollY)];
    const parts = images();
    const right = Math.ceil(Math.max(area.right, area.left + dom.scrollWidth(body), ...parts.map((each) => each.right)));
    const bottom = Math.ceil(Math.max(area.bottom, area.top + dom.scrollHeight(body), ...parts.map((each) => each.bottom)));
    const [width, height] = [Math.max(1, right - x), Math.max(1, bottom - y)];
    if (width > widest) losses.push({ kind: 'wide', size: width, limit: widest });
    const limit = Math.min(highest, Math.floor(largest / (width + 2 * margin)) - 2 * margin);
    if (height > limit && width <= widest) losses.push({ kind: 'high', size: height, limit });
    const keep = parts.length ? [
      Math.min(...parts.map((each) => each.left)) - x, Math.min(...parts.map((each) => each.top)) - y,
      Math.max(...parts.map((each) => each.right)) - x, Math.max(...parts.map((each) => each.bottom)) - y,
    ] : null;
    return { x, y, width, height, keep, losses, failure: failure(), page: [width + x + margin, height + y + margin] };
  };

  const size = () => ({ width: innerWidth, height: innerHeight });
  const text = () => whole.readable(document).slice(0, 2_000_000);

  const rare = (onCanvas) => characters({ dom, whole }).ofPage(document, onCanvas);

  return { waiting, measured, size, text, rare, frames };
}
