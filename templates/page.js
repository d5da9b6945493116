// Lays out the frames of page.html on a strip. All sizes in CSS pixels, all of them whole.
// An output's own scripts never run (sandbox); this runs in the page around them. `dom` and `whole` come from whole.js, `readable` from
// readable.js, `characters` from characters.js.
({ dom, whole }, readable, characters) => {
  const widest = 4096;
  const margin = 16;  // of the body of a page
  const gap = 12;  // between outputs (cell.css)
  const smallest = { width: 96, height: 64 };  // room for the margin of the smallest picture

  // A section holds what we made of text and images; each output that brings its own HTML is a document in a frame there.
  const framesOf = (section) => [...section.querySelectorAll('.holder')].map((holder) => {
    const frame = holder.firstElementChild;
    const root = frame.contentDocument;
    return { holder, frame, root, body: root && dom.body(root) };
  });

  // What images fill is kept whole when the picture is cropped: their own margins belong to their author.
  const kept = (areas) => {
    const all = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { left, top, right, bottom } of areas) {
      if (right > left && bottom > top) {
        all[0] = Math.min(all[0], left);
        all[1] = Math.min(all[1], top);
        all[2] = Math.max(all[2], right);
        all[3] = Math.max(all[3], bottom);
      }
    }
    return all[0] < all[2] ? all : null;
  };

  const images = (page, frames) => [
    ...[...page.querySelectorAll('img, svg')].map((image) => image.getBoundingClientRect()),
    ...frames.flatMap(({ frame, body }) => {
      const at = frame.getBoundingClientRect();
      return dom.all(body, 'img, svg, canvas, video, iframe, object, embed').map((image) => {
        const { left, top, right, bottom } = dom.rect(image);
        return { left: left + at.left, top: top + at.top, right: right + at.left, bottom: bottom + at.top };
      });
    }),
  ];

  // How far a document reaches, from its left and top.
  const extent = (body) => {
    const { right, bottom, left, top } = dom.rect(body);
    return { right: Math.max(right, left + dom.scrollWidth(body)), bottom: Math.max(bottom, top + dom.scrollHeight(body)) };
  };

  // Holders get the size of their documents, as if they were parts of our page; outputs beside each other are equally wide.
  const fitted = (page, frames) => {
    for (const { holder, body } of frames) holder.style.width = `${dom.rect(body).width}px`;
    const { width } = page.getBoundingClientRect();
    for (const { holder, body } of frames) {
      const missing = width - dom.rect(body).width;
      if (missing > 0.5) {
        dom.set(body, 'width', `${parseFloat(getComputedStyle(body).width) + missing}px`);
        holder.style.width = `${width}px`;
      }
    }
    const outputs = page.querySelectorAll('.output_area, .input').length;
    for (const { holder, frame, body } of frames) {
      const { height, bottom } = dom.rect(body);
      const reach = extent(body);
      // Whole pixels: an edge between two would be a line in a colour of its own, by one, in the dark.
      holder.style.height = `${Math.ceil(outputs > 1 && whole.paintsBelow(body, bottom) ? reach.bottom - margin : height)}px`;
      const [wide, high] = [Math.ceil(reach.right) + margin, Math.ceil(reach.bottom) + margin];
      frame.style.width = `${Math.max(Math.min(wide, widest), frame.clientWidth)}px`;
      frame.style.height = `${Math.max(high, frame.clientHeight)}px`;
      // A frame is larger than what it shows, and not transparent: its neighbours' place is not covered.
      const above = holder.getBoundingClientRect().top > page.getBoundingClientRect().top + 1 ? gap / 2 : margin;
      if (outputs > 1) holder.style.clipPath = `inset(-${above}px -${frame.clientWidth}px -${gap / 2}px -${margin}px)`;
    }
  };

  // A drawing that has proportions but no size takes the width that there is. A page as narrow as what is on it has none.
  const widened = (root) => {
    const sizeless = (each) => dom.rect(each).width < 1 && getComputedStyle(each).position === 'static' && dom.visible(each);
    if (dom.all(root, 'svg[viewBox], img[src^="data:image/svg"]').some(sizeless)) dom.set(root, 'width', getComputedStyle(root).maxWidth);
  };

  const measured = (section) => {
    const page = section.firstElementChild;
    const frames = framesOf(section);
    for (const { frame, body } of frames) if (body && 'coloured' in frame.dataset) readable(dom)(body, section.dataset.gpuDoc);
    for (const root of [page, ...frames.map(({ body }) => body)]) if (root) widened(root);
    const losses = whole.losses(section, frames);
    if (losses.length) return { section, box: { x: 0, y: 0, ...smallest, keep: null, fits: false, losses } };
    fitted(page, frames);
    // What is as high as the window would grow with it for ever, and push out what follows.
    for (const { frame, body } of frames) {
      const reach = extent(body);
      for (const [side, end, size] of [['height', reach.bottom, frame.clientHeight], ['width', reach.right, frame.clientWidth]]) {
        if (end > size + 1 && size < widest) losses.push({ kind: 'box', tag: 'body', side, limit: size, size: Math.ceil(end) });
      }
    }
    const { left, top } = page.getBoundingClientRect();
    const reaches = [extent(page), ...frames.map(({ frame, body }) => {
      const [at, reach] = [frame.getBoundingClientRect(), extent(body)];
      return { right: at.left + reach.right, bottom: at.top + reach.bottom };
    })];
    const width = Math.ceil(Math.max(...reaches.map(({ right }) => right))) + margin;
    const height = Math.ceil(Math.max(...reaches.map(({ bottom }) => bottom))) + margin;
    if (width > widest && whole.paintsBeyond(page, frames, widest)) losses.push({ kind: 'wide', size: width - 2 * margin, limit: widest });
    const size = { width: Math.max(Math.min(width, widest), smallest.width), height: Math.max(height, smallest.height) };
    const rare = characters({ dom, whole }).ofSection(section, frames);
    return { section, box: { x: 0, y: 0, ...size, keep: kept(images(page, frames)), fits: true, losses, rare } };
  };

  // Row by row, the highest first, side by side where there is room. No row lies across two bands unless it is taller than one.
  const shelved = (items, width, band) => {
    let x = 0, y = 0, row = 0;
    for (const { box } of items.toSorted((one, other) => other.box.height - one.box.height)) {
      if (x && x + box.width > width) { x = 0; y += row; row = 0; }
      const left = band - (y % band);
      if (left < band && Math.max(row, box.height) > left) { x = 0; y += left; row = 0; }
      box.x = x;
      box.y = y;
      x += box.width;
      row = Math.max(row, box.height);
    }
    return y + row;
  };

  // Bands are `band` high, or less where the page is so wide that they would exceed `area`.
  const place = async ({ marker, width, band, area, highest }) => {
    document.documentElement.dataset.marker = marker;
    // Our page was seen to be complete before its frames were.
    const complete = () => document.readyState === 'complete' && document.getElementById('end') !== null
      && [...document.querySelectorAll('.holder > iframe')].every(({ contentDocument: root }) => !root || dom.ready(root));
    while (!complete()) await new Promise((done) => setTimeout(done, 2));
    const sections = [...document.querySelectorAll('body > section')];
    await whole.settled(document);
    const items = sections.map(measured);
    for (const { section, box } of items) {
      if (box.height > highest) box.losses.push({ kind: 'high', size: box.height - 2 * margin, limit: highest });
      box.fits = box.losses.length === 0;
      if (!box.fits) section.remove();
    }
    const fitting = items.filter(({ box }) => box.fits);
    const wide = Math.max(width, ...fitting.map(({ box }) => box.width));
    const high = Math.min(band, Math.floor(area / wide));
    const height = shelved(fitting, wide, high);
    for (const { section, box } of fitting) {
      for (const side of ['width', 'height']) section.style[side] = `${box[side]}px`;
      section.style.left = `${box.x}px`;
      section.style.top = `${box.y}px`;
    }
    return { width: wide, height, band: high, boxes: items.map(({ box }) => box) };
  };

  const size = () => ({ width: innerWidth, height: innerHeight });

  // The window follows a change of its bounds when it likes; a second is long enough. (No frames: a small one has none.)
  const sized = async ({ width, height }) => {
    for (let turn = 0; turn < 200 && (innerWidth !== width || innerHeight !== height); turn++) {
      await new Promise((done) => setTimeout(done, 5));
    }
    return size();
  };

  // Bring one band into view, its end marked with a line in a colour that tells it from all others.
  const show = ({ marker, top, height, colour }) => {
    if (document.documentElement.dataset.marker !== marker) throw new Error('the page was replaced');
    document.body.style.top = `${-top}px`;
    const end = document.getElementById('end');
    end.style.top = `${height}px`;
    end.style.background = colour;
  };

  return { place, size, sized, show };
}
