import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { Agent } from 'node:http'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'

/** One running host process, from its start to its exit. */
export interface NodeProcess {
  index: number
  address: string
  agent: Agent
  /** Whether it was told to stop or was killed: from then on connections may be lost. */
  leaving: boolean
  exited: Promise<unknown>
  kill (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
  /** Returns its memory usage after a garbage collection. */
  memory (): Promise<NodeJS.MemoryUsage>
  poolState (): Promise<PoolState>
  /** Uses another pool of connections from now on; without a config, one like its first. */
  usePool (config?: pg.PoolConfig): Promise<void>
}

export interface PoolState {
  /** How many queries wait for a connection. */
  waiting: number
  /** Whether no query waits or runs. */
  isIdle: boolean
}

/** What a node is told over its IPC channel. */
export interface Command {
  id: number
  name: 'memory' | 'poolState' | 'usePool'
  argument?: pg.PoolConfig | undefined
}

export interface NodeSetup {
  index: number
  databaseUrl: string
  /** Its log; what it writes to stderr is appended to the same name plus `.stderr`. */
  logFile: string
  /** The plugin's option, in milliseconds. */
  timeout: number
  clockOffset?: number
  brokenStore?: string | undefined
}

const program = fileURLToPath(new URL('node.ts', import.meta.url))
const clock = new URL('clock.ts', import.meta.url).href

/** Starts a host process and waits until it listens. */
export async function startNode ({ index, databaseUrl, logFile, timeout, clockOffset = 0, brokenStore = '' }: NodeSetup): Promise<NodeProcess> {
  const [log, errors] = await Promise.all([open(logFile, 'a'), open(`${logFile}.stderr`, 'a')])
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', '--import', clock, program], {
    stdio: ['ignore', log.fd, errors.fd, 'ipc'],
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, TIMEOUT_MS: String(timeout), CLOCK_OFFSET_MS: String(clockOffset), BROKEN_STORE: brokenStore }
  })
  const exited = once(child, 'exit')
  const [address] = await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => { throw new Error(`node ${index} exited with ${code} at its start`) })
  ])
  await Promise.all([log.close(), errors.close()])

  const pending = new Map<number, (result: unknown) => void>()
  let lastId = 0
  child.on('message', ({ id, result }: { id: number, result: unknown }) => {
    pending.get(id)?.(result)
    pending.delete(id)
  })
  function command (name: Command['name'], argument?: pg.PoolConfig): Promise<unknown> {
    const id = ++lastId
    const done = new Promise((resolve) => { pending.set(id, resolve) })
    child.send({ id, name, argument })
    return done
  }

  const node: NodeProcess = {
    index,
    address,
    agent: new Agent({ keepAlive: true }),
    leaving: false,
    exited,
    async kill (signal) {
      node.leaving = true
      child.kill(signal)
      const [code] = await exited
      node.agent.destroy()
      return code
    },
    memory: async () => await command('memory') as NodeJS.MemoryUsage,
    poolState: async () => await command('poolState') as PoolState,
    async usePool (config) { await command('usePool', config) }
  }
  return node
}
