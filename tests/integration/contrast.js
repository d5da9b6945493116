// The texts of a laid out page whose contrast with what is behind them is too low (WCAG 2.1, AA). Written apart from
// templates/readable.js, which it judges: it asks canvases of each document and goes up from each text.
() => {
  const rgba = (colour) => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const outer = (element) => element.parentElement ?? element.getRootNode().host ?? element.ownerDocument.defaultView.frameElement;
  const layers = (element) => {
    const found = [];
    for (let each = element; each; each = outer(each)) {
      const behind = each.ownerDocument.defaultView.getComputedStyle(each);
      if (behind.backgroundImage !== 'none' && !behind.backgroundImage.startsWith('url')) return null;  // gradients are judged by eye
      const colour = rgba(behind.backgroundColor);
      found.push(colour);
      if (colour[3] === 255) break;
    }
    return found.reverse();
  };
  const blended = (below, [red, green, blue, alpha]) => [red, green, blue].map((part, n) => (part * alpha + below[n] * (255 - alpha)) / 255);
  const texts = (root) => {
    const walker = root.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) if (/\S/.test(walker.currentNode.data)) found.push(walker.currentNode);
    return [...found, ...[...root.querySelectorAll('iframe')].flatMap(({ contentDocument }) => texts(contentDocument))];
  };
  // WCAG: what cannot be used, and what is only for screen readers or not there at all, has no contrast.
  const exempt = (element, style, area) => !element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || style.color === 'rgba(0, 0, 0, 0)'
    || area.width < 2 || area.height < 2 || /^(style|script)$/i.test(element.localName)
    || element.closest('label')?.control?.disabled || element.closest('label')?.previousElementSibling?.disabled;
  const judged = (node) => {
    const element = node.parentElement;
    const style = element.ownerDocument.defaultView.getComputedStyle(element);
    const range = element.ownerDocument.createRange();
    range.selectNodeContents(node);
    if (exempt(element, style, range.getBoundingClientRect())) return null;
    const behind = layers(element);
    if (!behind) return null;
    const ground = behind.reduce(blended, [255, 255, 255]);
    const colour = blended(ground, rgba(style.color));
    const [low, high] = [luminance(ground), luminance(colour)].sort((a, b) => a - b);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight) >= 700);
    return { text: node.data.trim().slice(0, 30), contrast: (high + 0.05) / (low + 0.05), least: large ? 3 : 4.5, colour: colour.map(Math.round).join(), ground: ground.map(Math.round).join() };
  };
  return [...document.querySelectorAll('body > section')].map((section) => {
    const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
    const own = [];
    while (walker.nextNode()) if (/\S/.test(walker.currentNode.data)) own.push(walker.currentNode);
    const framed = [...section.querySelectorAll('iframe')].flatMap(({ contentDocument }) => texts(contentDocument));
    return [...own, ...framed].map(judged).filter(Boolean);
  });
}
