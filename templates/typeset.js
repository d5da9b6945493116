// Typesets LaTeX by MathJax, in an isolated world: pages do not see it. Each formula gets a parser of its own,
// since definitions (\newcommand) would otherwise reach formulas of other outputs.
(() => {
  const { mathjax: { mathjax }, input, output, adaptors, handlers } = MathJax._;
  const adaptor = adaptors.browserAdaptor.browserAdaptor();
  handlers.html_ts.RegisterHTMLHandler(adaptor);

  // What JupyterLab has, without `action` and `html`: those need a reader who clicks, and set ids, styles and links.
  // `noerrors` and `noundefined` show errors as red text.
  const packages = [
    'base', 'ams', 'amscd', 'bbox', 'boldsymbol', 'braket', 'bussproofs', 'cancel', 'cases', 'centernot', 'color', 'colortbl',
    'configmacros', 'empheq', 'enclose', 'extpfeil', 'gensymb', 'mathtools', 'mhchem', 'newcommand', 'textcomp', 'textmacros',
    'unicode', 'upgreek', 'verb',
  ];
  const macros = { bm: ['\\boldsymbol{#1}', 1], require: ['', 1] };
  const fonts = '"DejaVu Sans", "Noto Sans CJK SC", "Noto Color Emoji", sans-serif';

  class NotTypeset extends Error {}

  const parser = () => new input.tex_ts.TeX({
    packages,
    macros,
    tags: 'none',
    formatError: (_, { message }) => { throw new NotTypeset(message); },
  });

  // MathJax 3 draws `a \\ b` outside of an environment as if the line did not end.
  const checkLines = (math) => math.walkTree((node) => {
    if (node.isKind('mspace') && node.attributes.get('linebreak') === 'newline') {
      throw new NotTypeset('A line ends (\\\\) outside of an environment such as aligned');
    }
  });

  const typeset = ({ latex, display, before, width }) => {
    const page = mathjax.document(document, { InputJax: parser(), OutputJax: new output.svg_ts.SVG({ fontCache: 'none', unknownFamily: fonts }) });
    const size = { display, em: 14, ex: 7.66, containerWidth: width };
    const compiled = (source) => page.convert(source, { ...size, end: 20 });
    try {
      for (const source of before) compiled(source);
      checkLines(compiled(latex));
      return { svg: adaptor.innerHTML(page.convert(latex, size)) };
    } catch (error) {
      return { error: error instanceof NotTypeset ? error.message : `${error}` };
    }
  };
  globalThis.typeset = typeset;
})()
