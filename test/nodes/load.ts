import { setTimeout as delay } from 'node:timers/promises'
import { generateToken } from '../../lib/token.ts'
import { rejectedCallers, type Client, type GenerateOptions } from './client.ts'
import type { NodeProcess } from './node-process.ts'
import type { Random } from './random.ts'

/** Admins and identity providers that send requests to the nodes until stopped. */
export interface Load {
  /** Stops it and waits for the last responses. */
  stop (): Promise<void>
}

const callers = Object.keys(rejectedCallers) as (keyof typeof rejectedCallers)[]

/** Starts clients that send what the random choices say to the nodes that run at the time. */
export function startLoad (nodes: readonly NodeProcess[], client: Client, random: Random): Load {
  const tokens: string[] = []
  const stopping = new AbortController()

  async function repeat (name: string, pause: number, act: (random: Random) => Promise<unknown>): Promise<void> {
    const own = random.fork(name)
    while (!stopping.signal.aborted) {
      await delay(own.below(2 * pause))
      await act(own)
    }
  }

  /** Generates, and at once verifies the new and the previous token at every node. */
  async function generate (on: readonly NodeProcess[], options?: GenerateOptions): Promise<void> {
    const previous = tokens.at(-1)
    const responses = await Promise.all(on.map((node) => client.generate(node, options)))
    const fresh = responses.filter((token) => token !== undefined)
    tokens.push(...fresh)
    if (fresh.length > 0) await verifyEverywhere(previous === undefined ? fresh : [...fresh, previous])
  }

  async function verifyEverywhere (some: readonly string[]): Promise<void> {
    await Promise.all(some.flatMap((token) => nodes.map((node) => client.verify(node, token))))
  }

  async function admin (own: Random): Promise<void> {
    const choice = own.below(100)
    const node = own.pick(nodes)
    if (choice < 75) return generate([node])
    if (choice < 85) return generate(nodes)
    if (choice < 93) return generate([node], { disconnectAfter: 1 + own.below(20) })
    return generate([node], { rejectedAs: own.pick(callers) })
  }

  async function provider (own: Random): Promise<void> {
    const choice = own.below(100)
    const node = own.pick(nodes)
    if (choice < 5) {
      await client.getSettings(node)
      return
    }
    const known = choice < 50 ? tokens.at(-1) : choice < 75 ? tokens.at(-1 - own.below(5)) : choice < 85 ? own.pick(tokens) : undefined
    await client.verify(node, known ?? generateToken())
  }

  async function switcher (own: Random): Promise<void> {
    const last = tokens.at(-1)
    await client.setEnabled(own.pick(nodes), false)
    if (last !== undefined) await verifyEverywhere([last])
    while (await client.setEnabled(own.pick(nodes), true) !== 'stored' && !stopping.signal.aborted) await delay(50)
    if (last !== undefined) await verifyEverywhere([last])
  }

  const clients = [
    ...['admin 1', 'admin 2', 'admin 3'].map((name) => repeat(name, 250, admin)),
    ...['provider 1', 'provider 2', 'provider 3', 'provider 4'].map((name) => repeat(name, 80, provider)),
    repeat('switcher', 500, switcher)
  ]
  return {
    async stop () {
      stopping.abort()
      await Promise.all(clients)
    }
  }
}
