import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onMeasuredCore } from './cores.ts'
import { spread, type Spread } from './statistics.ts'

/** Microseconds of the steps that the plugin cannot do without, by name. */
export type Primitives = Record<string, Spread>

/** How often a request needs each step. */
export const stepsOf: Record<'verify' | 'generate', Record<string, number>> = {
  verify: {
    'format and checksum of a token': 1,
    'hash of a token, compared in constant time': 1,
    'a timer, set and cleared': 1,
    'await of a promise': 1
  },
  generate: {
    'a generated token': 1,
    'hash of a token': 1,
    'a timer, set and cleared': 3,
    'await of a promise': 3
  }
}

const run = promisify(execFile)
const script = fileURLToPath(new URL('primitives.js', import.meta.url))

/** Measures each step in a loop, in a process of its own. */
export async function measurePrimitives (): Promise<Primitives> {
  const [command, ...args] = onMeasuredCore([process.execPath, script])
  const { stdout } = await run(command, args)
  const times: Record<string, number[]> = JSON.parse(stdout)
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, spread(values)]))
}
