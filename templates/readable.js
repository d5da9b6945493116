// Text that an output sets on a background of its own without a colour of its own, and colours that it chose for a light page,
// are made readable in the theme of the picture. Nothing else that an output brings is changed.
({ all, parent, ownerDocument, children, text, type, setAttribute, set }) => {
  const enough = 4.5;  // WCAG 2.1, AA
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const known = new Map();
  // Any colour that CSS can say, as red, green, blue and alpha of 0 to 255.
  const parsed = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(colour);
  };
  const over = ([red, green, blue, alpha], ground) => [red, green, blue].map((part, place) => (part * alpha + ground[place] * (255 - alpha)) / 255);
  const linear = (part) => (part <= 10.31 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const lighter = (colour, ground) => {
    for (let share = 0.05; share < 1; share += 0.05) {
      const mixed = colour.slice(0, 3).map((part) => Math.round(part + (255 - part) * share));
      if (contrast(mixed, ground) >= enough) return `rgb(${mixed})`;
    }
    return 'rgb(255,255,255)';
  };
  // Our colours of text in a theme: what stands in them was given none by its author.
  const paletteOf = (theme, body) => {
    const probe = Document.prototype.createElement.call(ownerDocument(body), 'i');
    setAttribute(probe, 'data-gpu-doc-ground', theme);
    Node.prototype.appendChild.call(body, probe);
    const style = getComputedStyle(probe);
    const colours = ['text', 'muted', 'link'].map((name) => parsed(style.getPropertyValue(`--gpu-doc-${name}`)).join());
    Node.prototype.removeChild.call(body, probe);
    return new Set(colours);
  };
  const holdsText = (each) => [...children(each)].some((node) => type(node) === 3 && /\S/.test(text(node)));
  // The colours of a gradient that hide what is behind them, as of the bars that pandas' Styler draws behind numbers.
  const gradient = (image) => (image.match(/\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\([^()]*\)/g) ?? []).map(parsed).filter(([, , , alpha]) => alpha > 127);
  const other = { light: 'dark', dark: 'light' };

  return (body, theme) => {
    const ours = { light: paletteOf('light', body), dark: paletteOf('dark', body) };
    const pages = { light: [255, 255, 255], dark: [13, 17, 23] };
    const grounds = new Map([[body, { ground: parsed(getComputedStyle(body).backgroundColor), theme, own: false }]]);
    const written = [];
    for (const each of all(body, '*')) {
      const above = grounds.get(parent(each)) ?? grounds.get(body);
      const style = getComputedStyle(each);
      const [behind, colour] = [parsed(style.backgroundColor), parsed(style.color)];
      const bars = style.backgroundImage.includes('gradient(') ? gradient(style.backgroundImage) : [];
      const here = { ground: over(behind, above.ground), theme: above.theme, own: above.own || behind[3] > 127 || bars.length > 0 };
      grounds.set(each, here);
      // The other theme's text is about as dark, or as light, as the page of this one.
      const worst = (one) => Math.min(...bars.map((bar) => contrast(one, bar)));
      const bad = contrast(colour, here.ground) < enough;
      const unchosen = ours[here.theme].has(colour.join());
      if (unchosen && bars.length > 0 && worst(colour) < Math.min(enough, worst(pages[here.theme]))) {
        here.theme = other[here.theme];
        here.ground = pages[here.theme];
        setAttribute(each, 'data-gpu-doc-ground', here.theme);
        set(each, 'background-color', 'var(--gpu-doc-page)');
      } else if (bad && unchosen) {
        here.theme = other[here.theme];
        setAttribute(each, 'data-gpu-doc-ground', here.theme);
      }
      const dim = bad && !unchosen && theme === 'dark' && !here.own && colour[3] === 255;
      if (theme === 'dark' && holdsText(each)) written.push([each, style, style.color, dim ? lighter(colour, here.ground) : style.color]);
    }
    if (written.every(([, , now, wanted]) => now === wanted)) return;
    // Those below inherit it: what could be read stays as it was.
    for (const [each, style, , wanted] of written) if (style.color !== wanted) set(each, 'color', wanted);
  };
}
