import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Group, Measured } from './comparisons.ts'
import { median, shuffled } from './statistics.ts'

/** What a round depends on. */
export interface Conditions {
  /** Path of the program of Node.js. */
  node: string
  postgresUrl: string
  /** Numbers from 0 up to 1 that decide who comes first. */
  random: () => number
  /** Of the requests that the comparisons name, in the warm-up and in each window: 1 for all. */
  share: number
}

const windows = 10
const pinned = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0
const execute = promisify(execFile)

/** Moves this process, and whatever it starts, away from the measured core. */
export function leaveMeasuredCore (): void {
  if (pinned) execFileSync('taskset', ['-a', '-c', '-p', `1-${availableParallelism() - 1}`, String(process.pid)], { stdio: 'ignore' })
}

/**
 * Measures the contestants of a group, each in a new process. They take turns, so that a machine that slows down
 * slows all of them.
 *
 * @returns what each measured in its windows; those of the same index followed each other
 */
export async function measureRound (group: Group, conditions: Conditions): Promise<Map<string, Measured[]>> {
  const measured = new Map<string, Measured[]>()
  let turns: Running[] = []
  try {
    for (const name of shuffled(['plugin', ...group.others], conditions.random)) {
      const running = await startContestant(name, group, conditions)
      turns.push(running)
      measured.set(name, [])
      await running.emitRequests(group.warmUp)
    }
    for (let i = 0; i < windows; i++) {
      for (const { name, emitRequests } of turns) measured.get(name)!.push(await emitRequests(group.window))
      turns = shuffled(turns, conditions.random)
    }
  } finally {
    for (const { stop } of turns) await stop()
  }
  return measured
}

interface Running {
  name: string
  emitRequests: (count: number) => Promise<Measured>
  stop: () => Promise<void>
}

async function startContestant (name: string, { request, status, onPostgres }: Group, { node, postgresUrl, share }: Conditions): Promise<Running> {
  const [command, ...args] = onMeasuredCore(node, 'worker.js', name, onPostgres ? postgresUrl : '')
  const child = spawn(command, args, { env: { ...process.env, NODE_ENV: 'production' }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit').then(([code]) => { throw new Error(`${name} exited with ${code}`) })
  exited.catch(() => {})
  const message = async () => (await Promise.race([once(child, 'message'), exited]))[0]

  await message()
  return {
    name,
    async emitRequests (count) {
      const received = message()
      child.send({ ...request, status: name === 'no check' ? 200 : status, count: Math.ceil(count * share) })
      return await received as Measured
    },
    async stop () {
      child.disconnect()
      await exited.catch(() => {})
    }
  }
}

/** Returns milliseconds of CPU time of importing Fastify, and then the plugin. */
export async function measureImport ({ node }: Conditions): Promise<[fastify: number, plugin: number]> {
  return await print(onMeasuredCore(node, 'import.js')) as [number, number]
}

/** Returns bytes of heap of one pending request, and what is left of it once it has finished. */
export async function measureMemory (name: string, { node, share }: Conditions): Promise<[pending: number, finished: number]> {
  return await print([node, '--expose-gc', file('memory.js'), name, String(Math.ceil(4000 * share))]) as [number, number]
}

/** Returns the median of a number that each pair of windows has. */
export function medianOfPairs (round: Map<string, Measured[]>, other: string, compare: (other: Measured, plugin: Measured) => number): number {
  return median(round.get('plugin')!.map((plugin, i) => compare(round.get(other)![i]!, plugin)))
}

async function print ([command, ...args]: string[]): Promise<unknown> {
  return JSON.parse((await execute(command!, args)).stdout)
}

/** Returns the command that runs a script of this folder on the measured core. */
function onMeasuredCore (node: string, script: string, ...args: string[]): [string, ...string[]] {
  return pinned ? ['taskset', '-c', '0', node, file(script), ...args] : [node, file(script), ...args]
}

function file (script: string): string {
  return fileURLToPath(new URL(script, import.meta.url))
}
