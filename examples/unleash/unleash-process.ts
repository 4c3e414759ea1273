import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The account that Unleash creates at its first start. */
export const firstAdmin = { username: 'admin', password: 'unleash4all' }

const startLimit = 120_000

export interface UnleashSetup {
  databaseUrl: string
  port: number
  /** Where its users find it: the address of the host in front of it. */
  publicUrl: string
  /** Further variables of Unleash's environment. */
  env?: NodeJS.ProcessEnv
}

/** An Unleash server in a process of its own. */
export interface UnleashProcess {
  url: string
  process: ChildProcess
  stop: () => Promise<void>
}

/**
 * Starts an Unleash server and waits until it responds.
 *
 * @throws Error that says why it did not start
 */
export async function startUnleash ({ databaseUrl, port, publicUrl, env = {} }: UnleashSetup): Promise<UnleashProcess> {
  if (Number.parseInt(process.versions.node) < 22) {
    throw new Error(`Unleash needs Node.js 22 or later, and this is ${process.version}.`)
  }
  const program = fileURLToPath(new URL('../server.js', import.meta.resolve('unleash-server')))
  const url = `http://127.0.0.1:${port}`
  const child = spawn(process.execPath, ['--no-deprecation', program], {
    env: {
      ...process.env,
      TZ: 'UTC',
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      DATABASE_SSL: 'false',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: String(port),
      UNLEASH_URL: publicUrl,
      UNLEASH_DEFAULT_ADMIN_USERNAME: firstAdmin.username,
      UNLEASH_DEFAULT_ADMIN_PASSWORD: firstAdmin.password,
      CHECK_VERSION: 'false',
      SEND_TELEMETRY: 'false',
      LOG_LEVEL: 'error',
      ...env
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output = (output + text).slice(-10_000) })
  const killWithParent = () => { child.kill('SIGKILL') }
  process.once('exit', killWithParent)
  const exited = once(child, 'exit').then(() => { process.off('exit', killWithParent) })

  const deadline = Date.now() + startLimit
  while (!await isHealthy(url)) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`Unleash did not start:\n${output}`)
    }
    await setTimeout(100)
  }
  return {
    url,
    process: child,
    async stop () {
      child.kill('SIGTERM')
      await exited
    }
  }
}

async function isHealthy (url: string): Promise<boolean> {
  return await fetch(`${url}/health`, { signal: AbortSignal.timeout(2000) }).then((response) => response.ok, () => false)
}
