// Sees that a page is shown whole: boxes that scroll are made as large as what is in them, and what is lost all the same
// is told. An output may name its elements as it likes (<img name=body>, <input name=parentNode>), which hides what
// documents and forms have under that name: so nothing is asked of them but through the prototypes of our own page.
// `scripts` says that those of the output run (live.js): what only they can fill is then as they left it.
({ scripts = false } = {}) => {
  const getter = (kind, name) => {
    const { get } = Object.getOwnPropertyDescriptor(kind.prototype, name);
    return (object) => get.call(object);
  };
  const method = (kind, name) => {
    const { value } = Object.getOwnPropertyDescriptor(kind.prototype, name);
    return (object, ...given) => value.apply(object, given);
  };
  const [scrollWidth, scrollHeight, clientWidth, clientHeight, clientLeft, clientTop, shadowRoot, localName, namespace] = [
    'scrollWidth', 'scrollHeight', 'clientWidth', 'clientHeight', 'clientLeft', 'clientTop', 'shadowRoot', 'localName', 'namespaceURI',
  ].map((name) => getter(Element, name));
  const [rect, rects, attribute, setAttribute, removeAttribute, checkVisibility, computedStyles] = [
    'getBoundingClientRect', 'getClientRects', 'getAttribute', 'setAttribute', 'removeAttribute', 'checkVisibility', 'computedStyleMap',
  ].map((name) => method(Element, name));
  const [parent, children, lastChild, previous, type, text, ownerDocument] = [
    'parentNode', 'childNodes', 'lastChild', 'previousSibling', 'nodeType', 'textContent', 'ownerDocument',
  ].map((name) => getter(Node, name));
  const [body, element, fonts] = ['body', 'documentElement', 'fonts'].map((name) => getter(Document, name));
  const [animations, createRange] = ['getAnimations', 'createRange'].map((name) => method(Document, name));
  const queries = { 1: method(Element, 'querySelectorAll'), 9: method(Document, 'querySelectorAll'), 11: method(DocumentFragment, 'querySelectorAll') };
  const all = (root, selector) => [...queries[type(root)](root, selector)];
  const shownText = getter(HTMLElement, 'innerText');
  const styleOf = getter(HTMLElement, 'style');
  const set = (html, name, value) => styleOf(html).setProperty(name, value, 'important');
  const decode = { img: method(HTMLImageElement, 'decode'), image: method(SVGImageElement, 'decode') };
  const contentDocument = getter(HTMLIFrameElement, 'contentDocument');
  const readyState = getter(HTMLMediaElement, 'readyState');
  const [state, address] = ['readyState', 'URL'].map((name) => getter(Document, name));
  const ready = (root) => address(root) === 'about:srcdoc' && state(root) === 'complete';
  const visible = (each) => checkVisibility(each, { checkOpacity: true, checkVisibilityCSS: true });
  const dom = { all, attribute, body, children, ownerDocument, parent, rect, ready, scrollWidth, scrollHeight, set, setAttribute, text, type, visible };

  const near = 1;  // CSS pixels that sizes differ by when they are rounded
  const frame = 2;  // and those by which collapsed borders stick out
  const descent = 0.2;  // of a line's height: below it there is nothing to see, or hardly
  const turns = 8;  // boxes in boxes in boxes
  const many = 50;
  const patience = 2000;  // ms for a sound or film that stands in the text itself

  // --- walking ---------------------------------------------------------------------------------------------------------

  // All elements, those in (open) shadow trees too.
  const found = new WeakMap();
  const elements = (root) => {
    if (!found.has(root)) {
      found.set(root, all(root, '*').flatMap((each) => {
        const shadow = shadowRoot(each);
        return shadow ? [each, ...elements(shadow)] : [each];
      }));
    }
    return found.get(root);
  };
  const isHtml = (each) => namespace(each) === 'http://www.w3.org/1999/xhtml';
  const called = (root, names) => elements(root).filter((each) => names.includes(localName(each)));

  const inner = (root) => called(root, ['iframe']).map(contentDocument).filter(Boolean);

  const seen = (each) => {
    if (!visible(each)) return false;
    return [...rects(each)].some(({ width, height }) => width > near && height > near);
  };

  // --- waiting ---------------------------------------------------------------------------------------------------------

  const broken = new WeakSet();

  const still = (root) => {
    for (const animation of animations(root)) {
      try { animation.finish(); } catch { animation.cancel(); }
    }
    for (const svg of all(root, 'svg')) {
      if (isHtml(svg)) continue;
      SVGSVGElement.prototype.pauseAnimations.call(svg);
      SVGSVGElement.prototype.setCurrentTime.call(svg, 0);
    }
  };

  const needed = (media) => (localName(media) === 'audio' ? 1 : 2);  // HAVE_METADATA, HAVE_CURRENT_DATA
  const played = async (media) => {
    setAttribute(media, 'preload', 'auto');
    for (let waited = 0; readyState(media) < needed(media) && waited < patience; waited += 20) {
      await new Promise((done) => setTimeout(done, 20));
    }
  };

  // Waits for nothing that is only loaded when it is scrolled to: there is no scrolling.
  const loadedLater = (frame) => new Promise((done) => {
    EventTarget.prototype.addEventListener.call(frame, 'load', done, { once: true });
    removeAttribute(frame, 'loading');
    setTimeout(done, patience);
  });

  const media = (root) => called(root, ['video', 'audio']).filter((each) => seen(each) && [each, ...all(each, 'source')]
    .some((source) => attribute(source, 'src')?.startsWith('data:')));

  const settled = async (root) => {
    await Promise.all(called(root, ['iframe']).filter((each) => attribute(each, 'loading') === 'lazy').map(loadedLater));
    const images = called(root, ['img', 'image']);
    for (const image of images) if (attribute(image, 'loading')) removeAttribute(image, 'loading');
    await Promise.all([
      fonts(root).ready,
      ...inner(root).map(settled),
      ...images.map((image) => decode[localName(image)](image).catch(() => broken.add(image))),
      ...media(root).map(played),
    ]);
    still(root);
  };

  // --- what is painted beyond an edge ------------------------------------------------------------------------------------

  const replaced = new Set(['img', 'svg', 'canvas', 'video', 'audio', 'iframe', 'object', 'embed', 'input', 'textarea', 'select', 'button', 'progress', 'meter']);
  const clips = (style) => style.overflowX !== 'visible' || style.overflowY !== 'visible' || /paint|strict|content/.test(style.contain);
  const clear = (colour) => colour === 'transparent' || /^rgba\(.*, 0\)$|\/ 0\)$/.test(colour);
  const decorated = (style) => !clear(style.backgroundColor) || style.backgroundImage !== 'none'
    || ['Top', 'Right', 'Bottom', 'Left'].some((side) => parseFloat(style[`border${side}Width`]) > 0 && !clear(style[`border${side}Color`]));

  // The words of a text, those first that are likely to stick out: the last ones of its longest lines.
  const words = (string) => {
    const whole = [...string.matchAll(/\S+/g)].map(({ 0: word, index }) => [index, index + word.length]);
    const lines = [...string.matchAll(/[^\n]*\S/g)].sort((one, other) => other[0].length - one[0].length);
    const ends = lines.slice(0, many).map(({ 0: line, index }) => [index + line.length - 1, index + line.length]);
    return [...ends, ...whole.reverse()];
  };
  const writes = (node, beyond) => {
    if (!/\S/.test(text(node))) return false;
    const range = createRange(ownerDocument(node));
    range.selectNodeContents(node);
    const out = () => [...range.getClientRects()].some((area) => beyond(area, near, descent * area.height));
    if (!out()) return false;
    const order = words(text(node));
    // Blanks at a line's end show nothing.
    return order.length > many * many || order.some(([start, end]) => {
      range.setStart(node, start);
      range.setEnd(node, end);
      return out();
    });
  };

  // Whether anything below an element is painted `beyond`, which is asked of boxes and how far they may stick out. With
  // `strict`, backgrounds and borders don't count: an author who hides what sticks out means to crop decoration.
  const paints = (top, beyond, strict) => {
    if (type(top) === 1 && shadowRoot(top) && paints(shadowRoot(top), beyond, strict)) return true;
    for (let node = lastChild(top); node; node = previous(node)) {
      if (type(node) === 3) {
        if (writes(node, beyond) && (type(top) !== 1 || getComputedStyle(top).visibility === 'visible')) return true;
      } else if (type(node) === 1) {
        const style = getComputedStyle(node);
        if (style.display === 'none' || style.opacity === '0' || style.position === 'fixed' || attribute(node, 'aria-hidden') === 'true') continue;
        const name = localName(node);
        const area = rect(node);
        const out = style.visibility === 'visible' && area.width > near && area.height > near && beyond(area, near, near);
        if (replaced.has(name) && out) return true;
        if (replaced.has(name)) continue;
        const drawn = !strict || name === 'td' || name === 'th';
        if (out && drawn && decorated(style) && beyond(area, frame, frame)) return true;
        // What clips itself reaches no farther than its own edge; as small as a point, it is for screen readers.
        if (clips(style) && style.display !== 'contents' ? out && paints(node, () => true, strict) : paints(node, beyond, strict)) return true;
      }
    }
    return false;
  };

  // Whether something begins before an edge. Far away are icons' words, and those for screen readers.
  const far = 2000;
  const ahead = (start, end, slack) => start < -slack && (end > 0 || start > -far);
  const below = (edge) => ({ bottom }, _, slack) => bottom > edge + slack;
  const right = (edge) => (area, slack) => area.right > edge + slack;
  const paintsBelow = (root, edge) => scrollHeight(root) > clientHeight(root) + near && paints(root, below(edge), false);
  const paintsBeyond = (page, holders, widest) => paints(page, right(widest), false)
    || holders.some(({ frame: each, body: shown }) => paints(shown, right(widest - rect(each).left), false));

  // --- boxes that show less than they hold ---------------------------------------------------------------------------------

  // What the box cuts off, in the directions in which that can be seen; null where it is all there. `before` is what lies left
  // of it, or above it: no scrolling reaches that, and no size of the box shows it.
  const cut = (each) => {
    const [width, height] = [clientWidth(each), clientHeight(each)];
    if (width <= near || height <= near) return null;  // folded up, or for screen readers only
    let [across, down] = [scrollWidth(each) > width + near, scrollHeight(each) > height + near];
    const style = across || down || isHtml(each) ? getComputedStyle(each) : null;
    if (!style || (!across && !down && !clips(style))) return null;
    const contained = /paint|strict|content/.test(style.contain);
    const name = localName(each);
    const control = name === 'textarea' || name === 'input';
    const [clipsAcross, clipsDown] = [style.overflowX, style.overflowY].map((overflow) => control || contained || overflow !== 'visible');
    across &&= clipsAcross;
    down &&= clipsDown;
    // Dots at the end of a line say that it goes on; a text moved out of its box stands for an icon.
    const moved = Math.abs(parseFloat(style.textIndent)) >= width;
    if (style.textOverflow !== 'clip' || moved) across = false;
    if (style.webkitLineClamp !== 'none') down = false;
    if (!seen(each)) return null;
    const scrolls = control || /auto|scroll/.test(style.overflowX + style.overflowY);
    let before = false;
    if (!control) {
      const area = rect(each);
      const [left, top] = [area.left + clientLeft(each), area.top + clientTop(each)];
      const backwards = style.direction === 'rtl' || style.writingMode !== 'horizontal-tb' || /reverse/.test(style.flexDirection);
      const wide = (one, slack) => one.right > left + width + slack || (backwards && one.left < left - slack);
      const high = (one, _, slack) => one.bottom > top + height + slack || (backwards && one.top < top - slack);
      across &&= paints(each, wide, !scrolls);
      down &&= paints(each, high, !scrolls);
      const away = (one, slack, lines) => (clipsAcross && !moved && ahead(one.left - left, one.right - left, slack))
        || (clipsDown && ahead(one.top - top, one.bottom - top, lines));
      before = !across && !down && !backwards && paints(each, away, true);
    }
    return across || down || before ? { each, across, down, before, scrolls, style } : null;
  };

  const boxes = (root) => {
    const [top, page] = [element(root), body(root)];
    const passedOn = getComputedStyle(top).overflow === 'visible';  // the body's overflow is then the document's
    return elements(root).filter((each) => each !== top && !(passedOn && each === page)).map(cut).filter(Boolean);
  };

  // Make a box as large as what is in it, and with it what lies around it.
  const grow = ({ each, across, down, style }) => {
    const area = rect(each);
    const [sides, ends] = [area.width - clientWidth(each), area.height - clientHeight(each)];
    const size = { width: across ? Math.ceil(scrollWidth(each) + sides) : area.width, height: down ? Math.ceil(scrollHeight(each) + ends) : area.height };
    const around = [];
    for (let outer = parent(each); outer && type(outer) === 1 && outer !== body(ownerDocument(each)); outer = parent(outer)) {
      const { right: edge, bottom: end } = rect(outer);
      around.push([outer, area.right <= edge + near, area.bottom <= end + near]);
    }
    set(each, 'box-sizing', 'border-box');
    set(each, 'max-width', 'none');
    set(each, 'max-height', 'none');
    set(each, 'width', `${size.width}px`);
    set(each, 'height', `${size.height}px`);
    set(each, 'flex', 'none');
    for (const [outer, held, bore] of around) {
      if (!isHtml(outer)) continue;
      const [now, own] = [rect(each), rect(outer)];
      if (held && now.right > own.right + near) widen(outer, 'width', now.right - own.right);
      if (bore && now.bottom > own.bottom + near) widen(outer, 'height', now.bottom - own.bottom);
    }
  };
  const widen = (outer, side, more) => {
    const style = getComputedStyle(outer);
    if (clips(style) || style.display === 'contents') return;  // a box like any other: its own turn comes
    set(outer, `max-${side}`, 'none');
    set(outer, `min-${side}`, `${parseFloat(style[side]) + more}px`);
  };

  // A document in a frame is as large as it wants to be, or the frame shows a part of it.
  const growFrame = (each) => {
    const root = contentDocument(each);
    if (!root || !seen(each)) return false;
    let changed = false;
    const [top, page] = [element(root), body(root)];
    const style = getComputedStyle(each);
    const sizes = [['width', scrollWidth(top), clientWidth(each), right], ['height', scrollHeight(top), clientHeight(each), below]];
    for (const [side, whole, shown, edge] of sizes) {
      if (page && whole > shown + near && paints(page, edge(shown), false)) {
        set(each, `max-${side}`, 'none');
        set(each, side, `${parseFloat(style[side]) + whole - shown}px`);
        changed = true;
      }
    }
    return changed;
  };

  // A drawing with proportions and no size takes what room there is; in a table or beside other things that can be none.
  const svgStyle = getter(SVGElement, 'style');
  const described = new Set(['defs', 'symbol', 'style', 'title', 'desc', 'metadata']);
  const sized = (root) => {
    for (const svg of all(root, 'svg')) {
      const area = rect(svg);
      if (isHtml(svg) || (area.width > near && area.height > near) || !checkVisibility(svg)) continue;
      if (`${computedStyles(svg).get('width')}` !== 'auto' || all(svg, ':scope > *').every((each) => described.has(localName(each)))) continue;
      const [, , width, height] = (attribute(svg, 'viewBox') ?? '').trim().split(/[\s,]+/).map(Number);
      if (!(width > 0 && height > 0)) continue;
      svgStyle(svg).setProperty('max-width', 'none', 'important');
      svgStyle(svg).setProperty('width', `${width}px`, 'important');
    }
  };

  // What only a click or a scrolled window would show. A picture has no window: what is fixed to one
  // lies on the page instead.
  const unfolded = (root) => {
    for (const details of called(root, ['details'])) {
      removeAttribute(details, 'name');  // of one name, only one is open
      setAttribute(details, 'open', '');
    }
    for (const each of elements(root)) if (isHtml(each) && getComputedStyle(each).position === 'fixed') set(each, 'position', 'absolute');
  };

  const grown = (root) => {
    unfolded(root);
    sized(root);
    for (let turn = 0; turn < turns; turn++) {
      const frames = called(root, ['iframe']);
      for (const document of frames.map(contentDocument).filter(Boolean)) grown(document);
      const scrolling = boxes(root).filter(({ each, scrolls, before }) => scrolls && !before && isHtml(each));
      scrolling.forEach(grow);
      if (!frames.map(growFrame).some(Boolean) && !scrolling.length) return;
    }
  };

  // --- what did not load -----------------------------------------------------------------------------------------------------

  const inside = (address) => /^\s*(data:|#|about:|$)/i.test(address ?? '');
  const foreign = /url\("(?!data:|#)([^"]*)/;
  const named = (each) => attribute(each, 'src') || attribute(each, 'srcset') || attribute(each, 'href') || attribute(each, 'xlink:href') || '';
  const declared = (each) => ['width', 'height'].map((side) => parseFloat(attribute(each, side))).some((size) => size <= near);

  const images = (root) => called(root, ['img', 'image']).filter((each) => broken.has(each) && !declared(each)).flatMap((each) => {
    if (!visible(each)) return [];
    const around = [each, ...(type(parent(each)) === 1 ? all(parent(each), ':scope > source') : [])];
    const addresses = [each.currentSrc, ...around.flatMap((one) => ['srcset', 'src', 'href', 'xlink:href'].map((name) => attribute(one, name)))];
    const address = addresses.find((one) => one && !inside(one)) ?? '';
    if (addresses.some(Boolean)) return [{ kind: 'image', address }];
    return !scripts && all(root, 'script').length ? [{ kind: 'script', tag: 'img' }] : [];
  });

  const backgrounds = (root) => elements(root).filter(seen).flatMap((each) => ['', '::before', '::after'].flatMap((part) => {
    const style = getComputedStyle(each, part || null);
    if (part && (style.content === 'none' || style.content === 'normal')) return [];
    const found = [style.backgroundImage, style.borderImageSource, style.maskImage, style.listStyleImage, style.content]
      .map((value) => foreign.exec(value)).find(Boolean);
    return found ? [{ kind: 'image', address: found[1] }] : [];
  }));

  const frames = (root) => called(root, ['iframe']).filter(seen).flatMap((each) => {
    const [address, document] = [attribute(each, 'src'), contentDocument(each)];
    const written = attribute(each, 'srcdoc');
    if (written === null && /^\s*(about:.*)?$/i.test(address ?? '')) return [];
    if (written === null || !document || !body(document)) return [{ kind: 'frame', address: written === null ? address : '' }];
    const blank = !scripts && all(document, 'script').length > 0 && !paints(body(document), () => true, false);
    return blank ? [{ kind: 'script', tag: 'iframe' }] : missing(document, written);
  });

  const others = (root) => called(root, ['canvas', 'use', 'object', 'embed', 'video', 'audio', 'input']).filter(visible).flatMap((each) => {
    const tag = localName(each);
    // Without scripts a canvas is a place for what stands in it, and a drawing that did not load takes none.
    if (tag === 'canvas') return scripts || declared(each) ? [] : [{ kind: 'script', tag }];
    if (tag !== 'use' && !seen(each)) return [];
    if (tag === 'video' || tag === 'audio') {
      const shown = readyState(each) >= needed(each);  // a poster alone is not painted
      const address = named(each) || all(each, 'source').map(named).find(Boolean) || '';
      return shown ? [] : [{ kind: 'media', tag, address: inside(address) ? '' : address }];
    }
    if (tag === 'input' && attribute(each, 'type')?.toLowerCase() !== 'image') return [];
    const address = attribute(each, 'data') || named(each);
    if (tag === 'object' || tag === 'embed') return address ? [{ kind: 'media', tag, address: inside(address) ? '' : address }] : [];
    return inside(address) ? [] : [{ kind: 'image', address }];
  });

  // What is cut out of a shape, or lies left of the page or above it.
  const harmless = /^(none|inset\(0(px|%)?( round .*)?\))$/;
  const begin = (each) => (isHtml(each) ? shownText(each) : text(each)).replace(/\s+/g, ' ').trim().slice(0, 40).trim();
  // What tells whether an area lies within a shape of clip-path; null for shapes that are not looked into.
  const shapeOf = (shape, { left, top, right: end, bottom, width, height }) => {
    const length = (size, whole) => (size.endsWith('%') ? (parseFloat(size) / 100) * whole : parseFloat(size));
    const round = /^circle\(([\d.]+(?:%|px)|closest-side|farthest-side)?(?: ?at (-?[\d.]+(?:%|px)) (-?[\d.]+(?:%|px)))?\)$/.exec(shape);
    if (round) {
      const [x, y] = [left + length(round[2] ?? '50%', width), top + length(round[3] ?? '50%', height)];
      const sides = [x - left, end - x, y - top, bottom - y].map(Math.abs);
      const sized = { 'closest-side': Math.min(...sides), 'farthest-side': Math.max(...sides) }[round[1] ?? 'closest-side'];
      const radius = sized ?? length(round[1], Math.hypot(width, height) / Math.SQRT2);
      return (area) => Math.hypot(Math.max(x - area.left, area.right - x), Math.max(y - area.top, area.bottom - y)) <= radius + near;
    }
    const straight = /^inset\(([-\d.%px ]+)\)$/.exec(shape);
    if (!straight) return null;
    const [first, second = first, third = first, fourth = second] = straight[1].trim().split(/ +/);
    const [low, high] = [[left + length(fourth, width), top + length(first, height)], [end - length(second, width), bottom - length(third, height)]];
    return (area) => area.left >= low[0] - near && area.top >= low[1] - near && area.right <= high[0] + near && area.bottom <= high[1] + near;
  };
  const clipped = (root) => elements(root).filter((each) => {
    if (!isHtml(each)) return false;
    const style = getComputedStyle(each);
    const shaped = !harmless.test(style.clipPath) || style.maskImage !== 'none' || (style.clip !== 'auto' && /absolute|fixed/.test(style.position));
    const within = style.maskImage === 'none' && style.clip === 'auto' ? shapeOf(style.clipPath, rect(each)) : null;
    const beyond = within ? (area) => !within(area) : () => true;
    return shaped && seen(each) && clientWidth(each) > near && clientHeight(each) > near && paints(each, beyond, true);
  }).map((each) => ({ kind: 'clip', tag: localName(each), text: begin(each) }));
  const outside = (root) => {
    const page = body(root);
    const beyond = (area, slack) => ahead(area.left, area.right, slack) || ahead(area.top, area.bottom, slack);
    return page && paints(page, beyond, false) ? [{ kind: 'outside', tag: 'body' }] : [];
  };

  const missing = (root, written) => [
    ...clipped(root),
    ...outside(root),
    ...boxes(root).map(({ each, across, before }) => ({
      kind: before ? 'before' : 'box',
      tag: localName(each),
      text: begin(each),
      side: across ? 'width' : 'height',
      limit: across ? clientWidth(each) : clientHeight(each),
      size: across ? scrollWidth(each) : scrollHeight(each),
    })),
    ...images(root),
    ...(/url\((?!\s*(?:["']|&quot;)?#)|image-set\(|\sbackground\s*=/i.test(written) ? backgrounds(root) : []),
    ...frames(root),
    ...others(root),
  ];

  // What the picture of a section lacks.
  const losses = (section, holders) => {
    const own = all(section, 'img').filter((image) => broken.has(image)).map(() => ({ kind: 'image', address: '' }));
    return [...own, ...holders.flatMap(({ frame: each, root, body: shown }) => {
      if (!root) return [{ kind: 'frame', tag: 'meta' }];
      if (!shown || attribute(shown, 'data-gpu-doc-page') === null) return [{ kind: 'script', tag: 'frameset' }];
      grown(root);
      return missing(root, attribute(each, 'srcdoc'));
    })].slice(0, 9).map((loss) => ({ ...loss, address: (loss.address ?? '').slice(0, 200) }));
  };

  // The same of a document that is a page by itself.
  const pageLosses = (root) => {
    grown(root);
    return missing(root, 'url(').slice(0, 9).map((loss) => ({ ...loss, address: (loss.address ?? '').slice(0, 200) }));
  };

  // All that can be read on it, in shadow trees too.
  const written = (each) => type(each) === 1 && !['style', 'script', 'template'].includes(localName(each));
  const inShadow = (root) => elements(root).map(shadowRoot).filter(Boolean).flatMap((shadow) => [...children(shadow)].filter(written));
  const readable = (root) => [body(root), ...inShadow(root)]
    .map((each) => (isHtml(each) ? shownText(each) : text(each))).join('\n');

  return { dom: { ...dom, visible, elements }, whole: { settled, losses, pageLosses, readable, paintsBelow, paintsBeyond } };
}
