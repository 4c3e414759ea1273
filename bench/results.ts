import type { Comparison, Group } from './comparisons.ts'
import type { Round, Window } from './measure.ts'
import type { Primitives } from './primitives.ts'
import type { RequestProfile } from './profile.ts'
import type { Sizes } from './size.ts'
import type { Startup } from './startup.ts'
import { median, spread, type Spread } from './statistics.ts'

/** All figures of one run. */
export interface Results {
  machine: Record<string, string>
  command: string
  withPromises: GroupResult[]
  withoutPromises: GroupResult[]
  postgres: GroupResult[]
  overSockets: GroupResult[]
  primitives: Primitives
  profiles: RequestProfile[]
  startup: Startup
  sizes: Sizes
}

/** The figures of one group. */
export interface GroupResult {
  title: string
  entries: { name: string, cpuMicroseconds: Spread, elapsedMicroseconds: Spread }[]
  comparisons: Compared[]
}

/** A comparison and its result. */
export interface Compared extends Comparison {
  result: Spread
}

/** Reduces each round to the median of its windows, and the rounds to their middle and range. */
export function summarize (measured: Map<Group, Round[]>): GroupResult[] {
  return [...measured].map(([{ title, entries, comparisons }, rounds]) => ({
    title,
    entries: entries.map(({ name }) => ({
      name,
      cpuMicroseconds: spread(rounds.map((round) => medianOf(round[name]!, 'cpuMicroseconds'))),
      elapsedMicroseconds: spread(rounds.map((round) => medianOf(round[name]!, 'elapsedMicroseconds')))
    })),
    comparisons: comparisons.map((comparison) => ({
      ...comparison,
      result: spread(rounds.map((round) => compareWindows(comparison, round)))
    }))
  }))
}

/** Whether the result of a comparison meets its goal. */
export function meetsGoal ({ as, goal = NaN, result }: Compared): boolean {
  return as === 'ratio' ? result.middle >= goal : result.middle <= goal
}

/** Compares only windows that followed each other: what slows the machine slows both. */
function compareWindows ({ to, as }: Comparison, round: Round): number {
  return median(round['plugin']!.map(({ cpuMicroseconds: plugin }, i) => {
    const other = round[to]![i]!.cpuMicroseconds
    return as === 'ratio' ? other / plugin : plugin - other
  }))
}

function medianOf (windows: Window[], name: keyof Window): number {
  return median(windows.map((window) => window[name]))
}
