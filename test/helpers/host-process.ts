import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'

/** The example host in a child process. */
export interface HostProcess {
  pid: number
  /** Everything written to stdout and stderr so far. */
  output: () => string
  /** Resolves to the first match in the output, or to null if the process exits without one. */
  waitForOutput: (pattern: RegExp) => Promise<RegExpExecArray | null>
  kill: (signal: NodeJS.Signals) => void
  /** Resolves to the exit code, or to the signal that ended the process. */
  exit: Promise<number | NodeJS.Signals>
}

/**
 * Starts the host as `npm start` does after the build, with only `env` and `PATH` in its environment.
 *
 * @param wrap a program with its arguments that runs the shell command after them
 */
export async function startHostProcess (t: Test, env: Record<string, string>, wrap?: (command: string) => [string, ...string[]]): Promise<HostProcess & { url: string }> {
  const host = await spawnHost(t, { PORT: '0', ...env }, wrap)
  const [, url] = await host.waitForOutput(/curl -X POST (http:\S+)\/api[^]+stops the host/) ?? []
  if (url === undefined) throw new Error(`The host did not start:\n${host.output()}`)
  return { ...host, url }
}

/** Starts a host that must fail to start, and returns its exit code and output. */
export async function runFailingHost (t: Test, env: Record<string, string>, wrap?: (command: string) => [string, ...string[]]): Promise<{ code: number | NodeJS.Signals, output: string }> {
  const host = await spawnHost(t, env, wrap)
  if (await host.waitForOutput(/stops the host/)) throw new Error('The host started.')
  return { code: await host.exit, output: host.output().trim() }
}

async function spawnHost (t: Test, env: Record<string, string>, wrap = (command: string): [string, ...string[]] => ['sh', '-c', command]): Promise<HostProcess> {
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  const [, command] = scripts.start.split(' && ')
  const [program, ...args] = wrap(command)
  const host = spawn(program, args, { env: { PATH: String(process.env['PATH']), ...env } })
  t.teardown(() => host.kill('SIGKILL'))

  let output = ''
  for (const stream of [host.stdout, host.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text })
  const exit = once(host, 'close').then(([code, signal]) => code ?? signal)
  return {
    pid: host.pid!,
    output: () => output,
    waitForOutput: (pattern) => Promise.race([
      exit.then(() => pattern.exec(output)),
      new Promise<RegExpExecArray>((resolve) => {
        const search = () => {
          const match = pattern.exec(output)
          if (match) resolve(match)
        }
        search()
        host.stdout.on('data', search)
      })
    ]),
    kill: (signal) => { host.kill(signal) },
    exit
  }
}
