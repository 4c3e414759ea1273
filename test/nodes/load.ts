import { setTimeout as delay } from 'node:timers/promises'
import { generateToken } from '../../lib/token.ts'
import { refusedCallers, type Client, type GenerateOptions } from './client.ts'
import type { NodeProcess } from './node-process.ts'
import type { Random } from './random.ts'

/** Admins and identity providers that use the nodes all the time. */
export interface Load {
  /** Ends it and waits for the last answers. */
  stop (): Promise<void>
}

const callers = Object.keys(refusedCallers) as (keyof typeof refusedCallers)[]

/** Starts clients that ask the nodes, as they are at the time, in the order that the random choices give. */
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

  /** Generates, and at once asks all nodes about the new and the old token. */
  async function generate (on: readonly NodeProcess[], options?: GenerateOptions): Promise<void> {
    const old = tokens.at(-1)
    const answered = await Promise.all(on.map((node) => client.generate(node, options)))
    const fresh = answered.filter((token) => token !== undefined)
    tokens.push(...fresh)
    if (fresh.length > 0) await verifyEverywhere(old === undefined ? fresh : [...fresh, old])
  }

  async function verifyEverywhere (some: readonly string[]): Promise<void> {
    await Promise.all(some.flatMap((token) => nodes.map((node) => client.verify(node, token))))
  }

  async function admin (own: Random): Promise<void> {
    const kind = own.below(100)
    const node = own.pick(nodes)
    if (kind < 75) return generate([node])
    if (kind < 85) return generate(nodes)
    if (kind < 93) return generate([node], { patience: 1 + own.below(20) })
    return generate([node], { refusedAs: own.pick(callers) })
  }

  async function provider (own: Random): Promise<void> {
    const kind = own.below(100)
    const node = own.pick(nodes)
    if (kind < 5) return client.look(node)
    const known = kind < 50 ? tokens.at(-1) : kind < 75 ? tokens.at(-1 - own.below(5)) : kind < 85 ? own.pick(tokens) : undefined
    await client.verify(node, known ?? generateToken())
  }

  async function switcher (own: Random): Promise<void> {
    const last = tokens.at(-1)
    await client.enable(own.pick(nodes), false)
    if (last !== undefined) await verifyEverywhere([last])
    while (await client.enable(own.pick(nodes), true) !== 'stored' && !stopping.signal.aborted) await delay(50)
    if (last !== undefined) await verifyEverywhere([last])
  }

  const clients = [
    ...['admin 1', 'admin 2', 'admin 3'].map((name) => repeat(name, 250, admin)),
    ...['provider 1', 'provider 2', 'provider 3', 'provider 4'].map((name) => repeat(name, 80, provider)),
    repeat('switcher', 1000, switcher)
  ]
  return {
    async stop () {
      stopping.abort()
      await Promise.all(clients)
    }
  }
}
