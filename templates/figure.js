// Draws a figure of Plotly's that is data, on a page that has drawn others before, and gives it as HTML that needs no script.
// Gives nothing where that can't be said to be all of the figure: it is then drawn on a page of its own (live.js), which
// tells what is wrong. Nothing stays on the page: `state` is the same after each figure that left nothing.
async (figure, patience) => {
  const ready = window[Symbol.for('gpu-doc')];
  const known = [window, Object, Array, String, Number, Function, Promise, Map].map((each) => each.prototype ?? each);
  const state = () => JSON.stringify([
    ...known.map((each) => Reflect.ownKeys(each).length),
    document.head.childElementCount, document.body.childElementCount, document.body.attributes.length,
  ]);
  const place = document.createElement('div');
  place.className = 'output_area';
  place.style.visibility = 'hidden';  // laid out, not painted
  place.innerHTML = '<div class="output_subarea output_html rendered_html"><div class="plotly-graph-div"></div></div>';
  document.body.append(place);
  const graph = place.querySelector('.plotly-graph-div');
  const turn = () => new Promise((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0);
  });

  // Rules that Plotly writes for all figures; they stand in no text.
  const styles = () => [...document.querySelectorAll('style[id^="plotly.js-style"]')]
    .flatMap(({ sheet }) => [...sheet.cssRules].map((rule) => rule.cssText)).join('\n');
  const whole = () => graph.querySelector('.main-svg') && !graph.querySelector('canvas, .no-webgl, foreignObject, iframe, video')
    && [...graph.querySelectorAll('image, img, use')].every((each) => /^(data:|#)/.test(each.getAttribute('href') ?? each.getAttribute('xlink:href') ?? ''))
    && [...graph.querySelectorAll('.legend .scrollbar')].every((bar) => bar.getBoundingClientRect().height <= 1);
  // Letters that stand askew, or are scaled, come out in other pixels further down a page: no neighbour may decide on them.
  const upright = () => [...graph.querySelectorAll('text')]
    .every((each) => !/scale|rotate\((?!-?(?:0|90|180|270)[,)\s])/.test(each.getAttribute('transform') ?? ''));
  const text = () => {
    const { width, height } = graph.getBoundingClientRect();
    const copy = graph.cloneNode(true);
    copy.style.width = `${width}px`;
    copy.style.height = `${height}px`;
    for (const bar of copy.querySelectorAll('.modebar-container')) bar.remove();
    return `<style>${styles()}</style>${copy.outerHTML}`;
  };

  let html = '';
  try {
    const { data, layout = {}, config = {}, frames } = JSON.parse(figure);  // no JavaScript: there, __proto__ means more
    await Plotly.newPlot(graph, data, layout, { ...config, responsive: true });
    if (frames) await Plotly.addFrames(graph, frames);
    const end = performance.now() + patience;
    for (let before = null; performance.now() < end; before = html) {
      await ready.quiet(Math.max(0, end - performance.now()));
      html = text();
      if (html === before) break;
      await turn();
    }
    if (!whole() || !upright()) html = '';
  } catch {
    html = '';
  }
  Plotly.purge(graph);
  place.remove();
  return { html, state: state() };
}
