import { hash } from 'node:crypto'

/** Random choices that are the same for the same seed. */
export interface Random {
  /** Returns a whole number from 0 to limit - 1. */
  below (limit: number): number
  pick<T> (list: readonly T[]): T
  shuffle<T> (list: readonly T[]): T[]
  /** Returns choices for one part of the run, which do not depend on what other parts choose meanwhile. */
  fork (name: string): Random
}

export function seededRandom (seed: string): Random {
  let drawn = 0
  const next = () => Number.parseInt(hash('sha256', `${seed} ${drawn++}`).slice(0, 12), 16) / 2 ** 48
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    pick: (list) => list[below(list.length)]!,
    shuffle: (list) => list.map((item) => ({ item, key: next() })).sort((one, other) => one.key - other.key).map(({ item }) => item),
    fork: (name) => seededRandom(`${seed} ${name}`)
  }
}
