import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onServerCores } from './cores.ts'

/** A module with a function `start`, and what that function is given. */
export interface Contestant {
  module: string
  setup?: object
}

/** A contestant's running server. */
export interface Running {
  port: number
  /** A token that it lets in. */
  token: string
  ask<T> (question: string): Promise<T>
  stop (): Promise<void>
}

const server = fileURLToPath(new URL('server.js', import.meta.url))

/** Starts the server of a contestant, on cores of its own. */
export async function startContestant ({ module, setup = {} }: Contestant): Promise<Running> {
  const [command, ...args] = onServerCores([process.execPath, server, module, JSON.stringify(setup)])
  const child = spawn(command, args, {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  const failed = once(child, 'exit').then(([code]) => { throw new Error(`${module} ended with ${code}`) })
  failed.catch(() => {})

  const message = async <T>() => (await Promise.race([once(child, 'message'), failed]))[0] as T
  const { port, token } = await message<{ port: number, token: string }>()
  return {
    port,
    token,
    async ask<T> (question: string) {
      const answered = message<{ answer: T }>()
      child.send(question)
      return (await answered).answer
    },
    async stop () {
      child.disconnect()
      await failed.catch(() => {})
    }
  }
}
