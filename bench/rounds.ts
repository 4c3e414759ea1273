import type { Entry, Group } from './comparisons.ts'
import { startContestant, type Running } from './contestant.ts'
import { sendLoad } from './load.ts'

/** What one entry came to in one round. */
export interface Sample {
  perSecond: number
  /** CPU time of the server for one request. */
  cpuMicroseconds: number
}

/** What every entry of a group came to, by its name, round by round. */
export type Measured = Map<string, Sample[]>

/**
 * Measures the entries of a group in alternating rounds, each in another order, so that a machine
 * that slows down slows them all. Every sample has a fresh process: the same code runs up to a
 * fifth faster or slower in another one.
 */
export async function measure ({ title, entries }: Group, rounds: number, progress: (text: string) => void): Promise<Measured> {
  const measured: Measured = new Map(entries.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[(i + round) % entries.length]!
      progress(`${title}: ${entry.name}, round ${round + 1} of ${rounds}`)
      measured.get(entry.name)!.push(await sample(entry))
    }
  }
  return measured
}

async function sample (entry: Entry): Promise<Sample> {
  const server = await startContestant(entry.contestant)
  try {
    await load(entry, server)
    const before = await server.ask<number>('cpuMicroseconds')
    const { requests, perSecond } = await load(entry, server)
    const cpu = await server.ask<number>('cpuMicroseconds') - before
    return { perSecond, cpuMicroseconds: cpu / requests }
  } finally {
    await server.stop()
  }
}

/** Loads a server for a second and checks that it answers what it must. */
export async function load ({ name, request, connections }: Entry, server: Running) {
  const answered = await sendLoad({
    url: `http://127.0.0.1:${server.port}${request.path}`,
    method: request.method,
    authorization: request.authorization(server.token),
    connections,
    seconds: 1
  })
  const { requests, refused, failed } = answered
  if (requests === 0 || failed > 0 || refused !== (request.status === 200 ? 0 : requests)) {
    throw new Error(`${name} did not answer ${request.status} throughout: ${JSON.stringify(answered)}`)
  }
  return answered
}
