import type { Group } from './comparisons.ts'
import type { RequestProfile } from './profile.ts'
import type { Measured } from './rounds.ts'
import type { Sizes } from './size.ts'
import type { Startup } from './startup.ts'
import { spread, type Spread } from './statistics.ts'

/** All that one run has found. */
export interface Results {
  machine: Record<string, string>
  command: string
  groups: GroupResult[]
  profiles: RequestProfile[]
  startup: Startup
  sizes: Sizes
}

/** What the entries of one group came to, and how they compare. */
export interface GroupResult {
  title: string
  entries: { name: string, perSecond: Spread, cpuMicroseconds: Spread }[]
  comparisons: Compared[]
}

/** How two entries compare, by the ratios of each round. */
export interface Compared {
  of: string
  to: string
  /** Requests answered in a second. */
  ratio: Spread
  /** The same by the CPU time of the servers, which a busy machine disturbs less. */
  cpuRatio: Spread
  atLeast?: number
}

/** Sums up the samples of a group. */
export function compare ({ title, entries, comparisons }: Group, measured: Measured): GroupResult {
  const samples = (name: string) => measured.get(name) ?? []
  return {
    title,
    entries: entries.map(({ name }) => ({
      name,
      perSecond: spread(samples(name).map(({ perSecond }) => perSecond)),
      cpuMicroseconds: spread(samples(name).map(({ cpuMicroseconds }) => cpuMicroseconds))
    })),
    comparisons: comparisons.map((comparison) => {
      const pairs = samples(comparison.of).map((of, round) => ({ of, to: samples(comparison.to)[round]! }))
      return {
        ...comparison,
        ratio: spread(pairs.map(({ of, to }) => of.perSecond / to.perSecond)),
        cpuRatio: spread(pairs.map(({ of, to }) => to.cpuMicroseconds / of.cpuMicroseconds))
      }
    })
  }
}
