// Lays out the frames of page.html on a strip. All sizes in CSS pixels, all of them whole.
// A frame's own scripts never run (sandbox); this runs in the page around them.
() => {
  const widest = 4096;
  const margin = 16;  // right and below; left and above it is that of the body
  const smallest = { width: 96, height: 64 };  // room for the margin of the smallest picture

  // An exhibit that brings its own HTML along is a document in a frame.
  const roots = () => [document, ...[...document.querySelectorAll('iframe')].map((frame) => frame.contentDocument)];

  const still = (root) => {
    for (const animation of root.getAnimations()) {
      try { animation.finish(); } catch { animation.cancel(); }
    }
    for (const svg of root.querySelectorAll('svg')) {
      svg.pauseAnimations?.();
      svg.setCurrentTime?.(0);
    }
  };

  const loaded = async () => {
    if (document.readyState !== 'complete') {
      await new Promise((done) => addEventListener('load', done, { once: true }));
    }
    await Promise.all(roots().map(async (root) => {
      await root.fonts.ready;
      await Promise.all([...root.images].map((image) => image.decode().catch(() => null)));
      still(root);
    }));
  };

  // What images fill is kept whole when the picture is cropped: their own margins belong to their author.
  const kept = (body) => {
    const area = [Infinity, Infinity, -Infinity, -Infinity];
    for (const element of body.querySelectorAll('img, svg, canvas, video, iframe, object, embed')) {
      const { left, top, right, bottom } = element.getBoundingClientRect();
      if (right > left && bottom > top) {
        area[0] = Math.min(area[0], left);
        area[1] = Math.min(area[1], top);
        area[2] = Math.max(area[2], right);
        area[3] = Math.max(area[3], bottom);
      }
    }
    return area[0] < area[2] ? area : null;
  };

  const measured = (section) => {
    const frame = section.querySelector(':scope > iframe');
    const page = frame ? frame.contentDocument.body : section.firstElementChild;
    const { right, bottom, left, top } = page.getBoundingClientRect();
    const width = Math.min(widest, Math.ceil(Math.max(right, left + page.scrollWidth)) + margin);
    const height = Math.ceil(Math.max(bottom, top + page.scrollHeight)) + margin;
    if (frame) {
      frame.style.width = `${Math.max(width, frame.clientWidth)}px`;
      frame.style.height = `${Math.max(height, frame.clientHeight)}px`;
    }
    const size = { width: Math.max(width, smallest.width), height: Math.max(height, smallest.height) };
    return { section, box: { x: 0, y: 0, ...size, keep: kept(page), fits: true } };
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
    await loaded();
    const items = [...document.querySelectorAll('body > section')].map(measured);
    for (const { section, box } of items) {
      box.fits = box.height <= highest;
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
