/** How much of everything the contracts of the data path move: all on the Node that we ship, less on the others that run it. */
const isShipped = Number.parseInt(process.versions.node, 10) >= 26;

/** So many times, or so many bytes; a quarter elsewhere. */
export function thorough(amount: number): number {
  return isShipped ? amount : Math.ceil(amount / 4);
}
