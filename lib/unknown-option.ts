/**
 * Returns a sentence that names the first unknown option and the known one most similar to it.
 *
 * @param known names, at least one
 * @param of what nested options belong to, such as ` of "tables"`
 * @returns `undefined` if all options are known
 */
export function unknownOption (options: object, known: readonly string[], of = ''): string | undefined {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return undefined
  const [nearest] = known.toSorted((a, b) => similarity(unknown, b) - similarity(unknown, a))
  return `the option "${unknown}"${of} does not exist; did you mean "${nearest}"?`
}

/** Returns how many pairs of neighbouring characters two names share (Sørensen-Dice). */
function similarity (a: string, b: string): number {
  const [pairsOfA, pairsOfB] = [pairs(a), pairs(b)]
  const shared = pairsOfA.filter((pair) => pairsOfB.includes(pair))
  return 2 * shared.length / (pairsOfA.length + pairsOfB.length)
}

function pairs (name: string): string[] {
  const letters = name.toLowerCase()
  return Array.from(letters, (_, i) => letters.slice(i, i + 2))
}
