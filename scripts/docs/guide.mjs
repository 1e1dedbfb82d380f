/** Pure: the code of a guide. A fence such as ```ts src/index.ts holds that file; ```sh start and ```sh try are what is typed. */

/** @returns the files of a Markdown text by path, and its commands by name. Other fences have no name and are left out. */
export function codeOf(markdown) {
  const files = new Map();
  const commands = new Map();
  for (const [, language, name, code] of markdown.matchAll(/^```(\w+) (\S+)\n([\s\S]*?)^```$/gm)) {
    const into = language === 'sh' ? commands : files;
    if (into.has(name)) throw new Error(`two pieces of code are called ${name}`);
    into.set(name, code);
  }
  return { files, commands };
}
