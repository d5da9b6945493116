// Runs before all scripts of an output: counts the timers, frames, idle moments and answers that they wait for, and stands
// in for require.js. Chains of timers without end, as of an animation, count for their first links only, and intervals for
// a while. What is written on a canvas is kept.
(() => {
  const longest = 2000;  // ms: nobody waits for later ones
  const links = 200;
  const waiting = new Set();
  let link = 0;
  const counted = (name, cancel, brief) => {
    const [original, cancelling] = [window[name].bind(window), window[cancel].bind(window)];
    window[name] = (callback, delay, ...given) => {
      const own = link + 1;
      const id = original((...passed) => {
        waiting.delete(name + id);
        link = own;
        try { (typeof callback === 'function' ? callback : Function(callback))(...passed); } finally { link = 0; }
      }, delay, ...given);
      if (own < links && brief(delay)) waiting.add(name + id);
      return id;
    };
    window[cancel] = (id) => { waiting.delete(name + id); cancelling(id); };
  };
  const soon = window.setTimeout.bind(window);
  counted('setTimeout', 'clearTimeout', (delay) => !(delay > longest));
  counted('requestAnimationFrame', 'cancelAnimationFrame', () => true);
  counted('requestIdleCallback', 'cancelIdleCallback', () => true);

  const [repeating, ending] = [window.setInterval.bind(window), window.clearInterval.bind(window)];
  window.setInterval = (callback, delay, ...given) => {
    const id = repeating(callback, delay, ...given);
    waiting.add(`interval${id}`);
    soon(() => waiting.delete(`interval${id}`), longest);
    return id;
  };
  window.clearInterval = (id) => { waiting.delete(`interval${id}`); ending(id); };

  const fetching = window.fetch.bind(window);
  window.fetch = (...given) => {
    const [answer, mark] = [fetching(...given), {}];
    const done = () => soon(() => waiting.delete(mark), 20);  // its body is read by then, and the next step begun
    waiting.add(mark);
    answer.then(done, done);
    return answer;
  };

  const written = new Set();
  for (const canvas of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
    for (const name of ['fillText', 'strokeText']) {
      const original = canvas.prototype[name];
      canvas.prototype[name] = function draw(text, ...given) {
        for (const each of `${text}`.match(/[^\0-\u02ff]/gu) ?? []) written.add(each);
        return original.call(this, text, ...given);
      };
    }
  }

  const modules = {};
  const module = (name) => modules[name] ?? (name === 'plotly' ? window.Plotly : name === 'jquery' ? window.jQuery : undefined);
  const require = (names, use, fail) => {
    const missing = [names].flat().filter((name) => module(name) === undefined);
    if (missing.length && fail) return fail(new Error(`${missing} is not there`));
    if (missing.length) throw new Error(`${missing} is not there`);
    if (typeof names === 'string') return module(names);
    return use?.(...names.map(module));
  };
  const define = (name, ...rest) => {
    const make = rest.at(-1);
    const made = { exports: {} };
    modules[name] = (typeof make === 'function' ? make(require, made.exports, made) : make) ?? made.exports;
    if (name === 'plotly') window.Plotly ??= modules[name];  // figures as data look for it there
  };
  Object.assign(require, { config: () => {}, undef: (name) => delete modules[name] });

  Object.defineProperty(window, Symbol.for('gpu-doc'), { value: {
    // For outputs that were made for require.js, and for them only: with it, other libraries would hide themselves.
    lendRequire: () => { window.require = window.requirejs = require; window.define = define; },
    written: () => [...written].join(''),
    quiet: async (patience) => {
      const end = performance.now() + patience;
      while (waiting.size && performance.now() < end) await new Promise((done) => soon(done, 5));
    },
  } });
})();
