/** A source or test file has fewer lines than this: see Taste in CONTRIBUTING.md. */
export const LIMIT = 300;

const SOURCE = /\.(?:[cm]?[jt]sx?|rs|py|c|h|sh|wgsl)$/;

/** Whether a file is written by hand and run: by its name, or, where that has no ending, by its first line. */
export function isSource(path, text) {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.includes('.') ? SOURCE.test(name) : text.startsWith('#!');
}

/** A last line without a line feed counts too. */
export function countLines(text) {
  return text.split('\n').length - (text === '' || text.endsWith('\n') ? 1 : 0);
}
