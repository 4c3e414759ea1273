import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import type { HostOptions } from './plan.ts'

/** A running host whose hooks, resolver and store do what each request says. */
export interface HostileHost {
  url: string
  /** Hashes of the records that its store has confirmed. */
  confirmed: ReadonlySet<string>
  /** Lines of its log with a token or a hash. */
  leaks: readonly string[]
  /** What it wrote to stderr, once it has ended by itself. */
  ended: () => string | undefined
  stop: () => Promise<void>
}

/** Starts the host in a process of its own. */
export async function startHostileHost (options: HostOptions): Promise<HostileHost> {
  const child = fork(join(import.meta.dirname, 'host.ts'), [JSON.stringify(options)], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const events = new EventEmitter()
  const confirmed = new Set<string>()
  const leaks: string[] = []
  let output = ''
  let isStopped = false
  let ended: string | undefined
  child.stderr!.setEncoding('utf8').on('data', (text) => { output += text })
  child.on('message', (message: { url?: string, confirmed?: string, leak?: string }) => {
    if (message.confirmed !== undefined) confirmed.add(message.confirmed)
    if (message.leak !== undefined) leaks.push(message.leak)
    if (message.url !== undefined) events.emit('url', message.url)
  })
  const closed = once(child, 'close').then(() => { if (!isStopped) ended = output })
  const url = await Promise.race([once(events, 'url').then(([url]) => url as string), closed.then(() => undefined)])
  if (url === undefined) throw new Error(`The host did not start:\n${output}`)
  return {
    url,
    confirmed,
    leaks,
    ended: () => ended,
    async stop () {
      isStopped = true
      child.kill('SIGKILL')
      await closed
    }
  }
}
