import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onMeasuredCore } from './cores.ts'

/** A module with a function `start`, and its argument. */
export interface Contestant {
  module: string
  setup?: object
}

/** A contestant's running process. */
export interface Running {
  /** Calls one of the methods in `worker.js`. */
  call<T> (method: string, ...args: unknown[]): Promise<T>
  stop (): Promise<void>
}

const worker = fileURLToPath(new URL('worker.js', import.meta.url))

/** Starts the process of a contestant on the measured core. */
export async function startContestant ({ module, setup = {} }: Contestant): Promise<Running> {
  const [command, ...args] = onMeasuredCore([process.execPath, worker, module, JSON.stringify(setup)])
  const child = spawn(command, args, {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit').then(([code]) => { throw new Error(`${module} exited with ${code}`) })
  exited.catch(() => {})

  const result = async <T>() => ((await Promise.race([once(child, 'message'), exited]))[0] as { result: T }).result
  await result()
  return {
    async call<T> (method: string, ...args: unknown[]) {
      const returned = result<T>()
      child.send({ method, args })
      return await returned
    },
    async stop () {
      child.disconnect()
      await exited.catch(() => {})
    }
  }
}
