import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { Agent } from 'node:http'
import { fileURLToPath } from 'node:url'

/** One running host process, from its start to its exit. */
export interface NodeProcess {
  index: number
  address: string
  agent: Agent
  /** From the moment that it was told to stop or killed: from then on connections may be lost. */
  leaving: boolean
  exited: Promise<unknown>
  kill (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
  /** What it uses after a garbage collection. */
  memory (): Promise<NodeJS.MemoryUsage>
}

export interface NodeSetup {
  index: number
  databaseUrl: string
  /** Takes what it logs; what it writes to stderr goes to the same name with `.stderr` after it. */
  logFile: string
  clockOffset?: number
  brokenStore?: string | undefined
}

const program = fileURLToPath(new URL('node.ts', import.meta.url))
const clock = new URL('clock.ts', import.meta.url).href

/** Starts a host process and waits until it listens. */
export async function startNode ({ index, databaseUrl, logFile, clockOffset = 0, brokenStore = '' }: NodeSetup): Promise<NodeProcess> {
  const [log, errors] = await Promise.all([open(logFile, 'a'), open(`${logFile}.stderr`, 'a')])
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', '--import', clock, program], {
    stdio: ['ignore', log.fd, errors.fd, 'ipc'],
    env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl, CLOCK_OFFSET_MS: String(clockOffset), BROKEN_STORE: brokenStore }
  })
  const exited = once(child, 'exit')
  const [address] = await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => { throw new Error(`node ${index} exited with ${code} at its start`) })
  ])
  await Promise.all([log.close(), errors.close()])

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
    async memory () {
      const answered = once(child, 'message')
      child.send('memory')
      const [usage] = await answered
      return usage
    }
  }
  return node
}
