import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'

/** The example host in a process of its own. */
export interface HostProcess {
  pid: number
  /** All that it has written so far. */
  output: () => string
  /** Answers the first match in what it writes, or null if it ends without one. */
  written: (pattern: RegExp) => Promise<RegExpExecArray | null>
  kill: (signal: NodeJS.Signals) => void
  /** Its exit code, or the signal that ended it. */
  ended: Promise<number | NodeJS.Signals>
}

/** Starts the host as `npm start` does after the build, with nothing else in its environment. */
export async function startHostProcess (t: Test, env: Record<string, string>): Promise<HostProcess & { url: string }> {
  const host = await spawnHost(t, { PORT: '0', ...env })
  const [, url] = await host.written(/curl -X POST (http:\S+)\/api[^]+stops the host/) ?? []
  if (url === undefined) throw new Error(`The host did not start:\n${host.output()}`)
  return { ...host, url }
}

/** Starts a host that is not expected to run, and answers its exit code and what it wrote. */
export async function failHostProcess (t: Test, env: Record<string, string>): Promise<{ code: number | NodeJS.Signals, output: string }> {
  const host = await spawnHost(t, env)
  if (await host.written(/stops the host/)) throw new Error('The host did start.')
  return { code: await host.ended, output: host.output().trim() }
}

async function spawnHost (t: Test, env: Record<string, string>): Promise<HostProcess> {
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const [, command] = scripts.start.split(' && ')
  const host = spawn('sh', ['-c', command], { env: { PATH: String(process.env['PATH']), ...env } })
  t.teardown(() => host.kill('SIGKILL'))

  let output = ''
  for (const stream of [host.stdout, host.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text })
  const ended = once(host, 'close').then(([code, signal]) => code ?? signal)
  return {
    pid: host.pid!,
    output: () => output,
    written: (pattern) => Promise.race([
      ended.then(() => pattern.exec(output)),
      new Promise<RegExpExecArray>((resolve) => {
        const look = () => {
          const match = pattern.exec(output)
          if (match) resolve(match)
        }
        look()
        host.stdout.on('data', look)
      })
    ]),
    kill: (signal) => { host.kill(signal) },
    ended
  }
}
