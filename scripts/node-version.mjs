// Which versions of Node there have to be: those of `engines` in package.json, which npm only warns of. Imports nothing, since nothing is
// installed when it is asked.

/** Of releases with long-term support, which version is the first to do; later releases do. */
const FIRST = new Map([
  [20, 19],
  [22, 13],
]);
const LATER = 24;

/**
 * @param {string} version such as `22.13.1`
 * @throws {Error} for somebody at a terminal
 */
export function assertSupported(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major >= LATER || minor >= (FIRST.get(major) ?? Infinity)) return;
  throw new Error(
    `Taskgraph needs Node 20.19, 22.13, 24 or newer; this is v${version} (${process.execPath}). ` +
      'Get a current version from https://nodejs.org/.',
  );
}
