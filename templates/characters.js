// Finds the characters on a page that may have no font: what comes of it is looked up (pictures/fonts.py).
// `dom` and `whole` come from whole.js.
({ dom, whole }) => {
  // Left out is what shows nothing; and what DejaVu has all of: Latin, Cyrillic, punctuation, arrows, mathematics, drawn
  // boxes. And private use: an output may bring a font of icons for it. Text, and a terminal, bring none.
  const rare = /(?![\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\p{DI}])[^\0-\u02ff\u0400-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u259f]/gu;
  const of = (text) => text.match(rare) ?? [];
  const ofPlain = (text) => [...of(text), ...(text.match(/\p{Co}/gu) ?? [])];
  const attribute = (each, name) => Element.prototype.getAttribute.call(each, name) ?? '';

  const decoded = (data, base64) => {
    try {
      return base64 ? new TextDecoder().decode(Uint8Array.from(atob(data), (each) => each.charCodeAt(0))) : decodeURIComponent(data);
    } catch { return data; }
  };

  // A drawing that is shown as an image.
  const ofImage = (image) => {
    const [, base64, data] = /^data:image\/svg\+xml[^,]*?(;base64)?,(.*)$/s.exec(attribute(image, 'src')) ?? [];
    const source = data ? decoded(data, base64) : '';
    if (!/[^\0-\x7f]|&#/.test(source)) return [];
    const drawing = new DOMParser().parseFromString(source, 'image/svg+xml');
    return [...drawing.querySelectorAll('text, foreignObject')].flatMap((each) => of(each.textContent));
  };
  const ofImages = (root) => dom.all(root, 'img[src^="data:image/svg+xml"]').flatMap(ofImage);

  const generated = (each) => ['::before', '::after', '::marker'].flatMap((part) => of(getComputedStyle(each, part).content));
  const ofDocument = (root, written) => [
    ...of(whole.readable(root)),
    ...ofImages(root),
    ...dom.all(root, 'input').flatMap((each) => of(attribute(each, 'value') + attribute(each, 'placeholder'))),
    ...(/content\s*:/i.test(written) ? dom.elements(root).filter(dom.visible).flatMap(generated) : []),
  ];

  // Whether it is worth looking: most pages hold nothing of the kind, and no way to write it otherwise.
  const holds = (written) => of(written).length > 0 || /&#|&(?!(?:amp|lt|gt|quot|nbsp);)\w+;|\\[0-9a-f]{4}|data:image\/svg\+xml/i.test(written);

  const once = (found) => [...new Set(found)].join('');
  return {
    ofSection: (section, frames) => once([
      ...ofPlain(dom.text(section)),
      ...ofImages(section),
      ...frames.filter(({ body }) => body).map(({ frame, root }) => [root, attribute(frame, 'srcdoc')])
        .filter(([, written]) => holds(written)).flatMap(([root, written]) => ofDocument(root, written)),
    ]),
    ofPage: (root, onCanvas) => once([...ofDocument(root, 'content:'), ...of(onCanvas)]),
  };
}
