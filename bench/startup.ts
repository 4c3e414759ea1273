import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onMeasuredCore } from './cores.ts'
import type { Progress } from './progress.ts'
import { spread, type Spread } from './statistics.ts'

/** CPU time and memory that the plugin adds to the start of an empty Fastify app. */
export interface Startup {
  /** Milliseconds to import Fastify. */
  importFastify: Spread
  /** Milliseconds to import the plugin after Fastify, with its dependencies. */
  importPlugin: Spread
  /** The second divided by the first, in the same process. */
  importRatio: Spread
  /** Milliseconds from the import to an app that is ready. */
  ready: Spread
  heapKilobytes: Spread
  rssKilobytes: Spread
}

/** The import must take at most this many times as long as Fastify's. */
export const importGoal = 1.55

type Measured = Record<'importFastify' | 'importPlugin' | 'ready' | 'heapKilobytes' | 'rssKilobytes', number>

const run = promisify(execFile)
const script = fileURLToPath(new URL('startup.js', import.meta.url))

/** Starts an empty app and one with the plugin in turn, each in a new process, and compares them. */
export async function measureStartup (rounds: number, progress: Progress): Promise<Startup> {
  const pairs: { empty: Measured, plugin: Measured }[] = []
  for (let round = 0; round < rounds; round++) {
    progress(`start-up: round ${round + 1} of ${rounds}`)
    pairs.push({ empty: await startUp(), plugin: await startUp('plugin') })
  }
  const difference = (name: keyof Measured) => spread(pairs.map(({ empty, plugin }) => plugin[name] - empty[name]))
  return {
    importFastify: spread(pairs.map(({ plugin }) => plugin.importFastify)),
    importPlugin: spread(pairs.map(({ plugin }) => plugin.importPlugin)),
    importRatio: spread(pairs.map(({ plugin }) => plugin.importPlugin / plugin.importFastify)),
    ready: difference('ready'),
    heapKilobytes: difference('heapKilobytes'),
    rssKilobytes: difference('rssKilobytes')
  }
}

async function startUp (...args: string[]): Promise<Measured> {
  const [command, ...rest] = onMeasuredCore([process.execPath, script, ...args])
  const { stdout } = await run(command, rest)
  return JSON.parse(stdout)
}
