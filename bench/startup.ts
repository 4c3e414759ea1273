import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onServerCores } from './cores.ts'
import { spread, type Spread } from './statistics.ts'

/** What the plugin adds to the start of an empty Fastify app. */
export interface Startup {
  /** Loading the plugin's modules and its dependencies. */
  importMilliseconds: Spread
  /** From there to an app that is ready. */
  readyMilliseconds: Spread
  heapKilobytes: Spread
  rssKilobytes: Spread
}

const run = promisify(execFile)
const script = fileURLToPath(new URL('startup.js', import.meta.url))

/** Starts the two apps in turn, each in a fresh process, and answers the differences. */
export async function measureStartup (rounds: number, progress: (text: string) => void): Promise<Startup> {
  const differences: Record<keyof Startup, number>[] = []
  for (let round = 0; round < rounds; round++) {
    progress(`start-up, round ${round + 1} of ${rounds}`)
    const empty = await startUp()
    const plugin = await startUp('plugin')
    differences.push({
      importMilliseconds: plugin.importMilliseconds - empty.importMilliseconds,
      readyMilliseconds: plugin.readyMilliseconds - empty.readyMilliseconds,
      heapKilobytes: plugin.heapKilobytes - empty.heapKilobytes,
      rssKilobytes: plugin.rssKilobytes - empty.rssKilobytes
    })
  }
  const of = (name: keyof Startup) => spread(differences.map((difference) => difference[name]))
  return {
    importMilliseconds: of('importMilliseconds'),
    readyMilliseconds: of('readyMilliseconds'),
    heapKilobytes: of('heapKilobytes'),
    rssKilobytes: of('rssKilobytes')
  }
}

async function startUp (...args: string[]): Promise<Record<keyof Startup, number>> {
  const [command, ...rest] = onServerCores([process.execPath, '--expose-gc', script, ...args])
  const { stdout } = await run(command, rest)
  return JSON.parse(stdout)
}
