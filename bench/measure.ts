import type { BenchRequest, Entry, Group } from './comparisons.ts'
import { startContestant, type Running } from './contestant.ts'
import { sendLoad } from './load.ts'
import type { Progress } from './progress.ts'

/** What one request took in one window of time. */
export interface Window {
  /** CPU time of the contestant's process. */
  cpuMicroseconds: number
  elapsedMicroseconds: number
}

/** The windows of each entry by its name; those of the same index followed each other. */
export type Round = Record<string, Window[]>

/** How a window is measured. */
export interface Method {
  name: string
  warmUpMilliseconds: number
  windowMilliseconds: number
  windows: number
  measure: (running: Running, request: BenchRequest, milliseconds: number) => Promise<Window>
}

/** Requests emitted within the contestant's process. */
export const withoutSockets: Method = {
  name: 'without sockets',
  warmUpMilliseconds: 700,
  windowMilliseconds: 100,
  windows: 8,
  measure: (running, request, milliseconds) => running.call<Window>('emitRequests', request, milliseconds)
}

/**
 * Requests that wait for PostgreSQL, emitted within the contestant's process. There are a thousand a
 * second, so it takes seconds until Node.js has optimized their code.
 */
export const withPostgres: Method = {
  ...withoutSockets,
  name: 'with PostgreSQL',
  warmUpMilliseconds: 3500,
  windowMilliseconds: 200
}

/** Requests sent by a load generator on 32 keep-alive connections. */
export const overSockets: Method = {
  name: 'over sockets',
  warmUpMilliseconds: 1000,
  windowMilliseconds: 1000,
  windows: 1,
  async measure (running, { method, path, credentials, status }, milliseconds) {
    const authorization = await running.call<string>('authorization', credentials)
    const port = await running.call<number>('listen')
    const before = await running.call<number>('cpuMicroseconds')
    const { requests, elapsedMilliseconds } = await sendLoad({ url: `http://127.0.0.1:${port}${path}`, method, authorization, status, milliseconds })
    const cpu = await running.call<number>('cpuMicroseconds') - before
    return { cpuMicroseconds: cpu / requests, elapsedMicroseconds: elapsedMilliseconds * 1000 / requests }
  }
}

/**
 * Measures groups in rounds. Each round starts a new process for every entry, as the same code runs
 * up to a fifth faster or slower in another process. Within a round the entries of a group take
 * turns, a window each, so that a machine that slows down slows all of them.
 */
export async function measure (groups: Group[], method: Method, rounds: number, progress: Progress): Promise<Map<Group, Round[]>> {
  const measured = new Map<Group, Round[]>(groups.map((group) => [group, []]))
  for (let i = 0; i < rounds; i++) {
    for (const [group, results] of measured) {
      progress(`${group.title}, ${method.name}: round ${i + 1} of ${rounds}`)
      results.push(await measureRound(group.entries, method))
    }
  }
  return measured
}

async function measureRound (entries: Entry[], { warmUpMilliseconds, windowMilliseconds, windows, measure }: Method): Promise<Round> {
  const started: { entry: Entry, running: Running, results: Window[] }[] = []
  try {
    for (const entry of entries) {
      const running = await startContestant(entry.contestant)
      started.push({ entry, running, results: [] })
      await measure(running, entry.request, warmUpMilliseconds)
    }
    for (let i = 0; i < windows; i++) {
      for (const { entry, running, results } of started) results.push(await measure(running, entry.request, windowMilliseconds))
      started.reverse()
    }
  } finally {
    for (const { running } of started) await running.stop()
  }
  return Object.fromEntries(started.map(({ entry, results }) => [entry.name, results]))
}
