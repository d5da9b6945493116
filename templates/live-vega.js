// Vega, Vega-Lite and Vega-Embed, which Altair's HTML asks for one after the other. Charts are SVG where they don't say
// otherwise, so that their text can be read, and have no menu. `data-gpu-doc-draws` stands on them until they are drawn.
if (!window.vegaEmbed) {
  (() => {
    /* bundle */
  })();
  const embed = window.vegaEmbed;
  // Data that does not load is a warning to Vega, and an empty chart.
  const warn = console.warn.bind(console);
  console.warn = (...told) => {
    if (told[0] === 'WARN' && /^(Loading|Data ingestion) failed/.test(told[1])) Promise.reject(new Error(`${told[1]}: ${told[2]}`));
    warn(...told);
  };
  window.vegaEmbed = Object.assign(async (place, spec, options = {}) => {
    const element = typeof place === 'string' ? document.querySelector(place) : place;
    element?.setAttribute('data-gpu-doc-draws', '');
    const drawn = await embed(place, spec, { renderer: 'svg', ...options, actions: false });
    element?.removeAttribute('data-gpu-doc-draws');
    return drawn;
  }, embed);
}
