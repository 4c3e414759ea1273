import { hash } from 'node:crypto'

/** Random choices that the seed repeats. */
export interface Random {
  /** A whole number from 0 to below the limit. */
  below (limit: number): number
  pick<T> (list: readonly T[]): T
  chance (probability: number): boolean
  shuffle<T> (list: readonly T[]): T[]
  /** Choices of their own for a part of the run, whatever other parts choose meanwhile. */
  fork (name: string): Random
}

export function seededRandom (seed: string): Random {
  let drawn = 0
  const next = () => Number.parseInt(hash('sha256', `${seed} ${drawn++}`).slice(0, 12), 16) / 2 ** 48
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    pick: (list) => list[below(list.length)]!,
    chance: (probability) => next() < probability,
    shuffle: (list) => list.map((item) => ({ item, key: next() })).sort((one, other) => one.key - other.key).map(({ item }) => item),
    fork: (name) => seededRandom(`${seed} ${name}`)
  }
}
