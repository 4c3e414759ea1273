import type { HeapProfiler, Profiler } from 'node:inspector'
import type { Entry } from './comparisons.ts'
import { startContestant } from './contestant.ts'
import { load } from './rounds.ts'

/** Where one request's time and memory go: microseconds and bytes, by whose code it is. */
export interface RequestProfile {
  name: string
  microseconds: Record<Owner, number>
  allocatedBytes: Record<Owner, number>
}

/** Whose code it is that runs. */
export type Owner = 'this package' | 'Fastify' | 'crypto' | 'HTTP and sockets' | 'garbage collection' | 'the benchmark' | 'other'

/** Profiles the server of an entry under load: its CPU first, its allocations then. */
export async function profileRequest (entry: Entry): Promise<RequestProfile> {
  const server = await startContestant(entry.contestant)
  try {
    await load(entry, server)
    await server.ask('startCpuProfile')
    const timed = await load(entry, server)
    const cpu = await server.ask<Profiler.Profile>('stopCpuProfile')

    await server.ask('startHeapProfile')
    const allocated = await load(entry, server)
    const heap = await server.ask<HeapProfiler.SamplingHeapProfile>('stopHeapProfile')
    return {
      name: entry.name,
      microseconds: perRequest(timed.requests, selfTimes(cpu)),
      allocatedBytes: perRequest(allocated.requests, selfSizes(heap.head))
    }
  } finally {
    await server.stop()
  }
}

interface Share {
  owner: Owner
  amount: number
}

function * selfTimes ({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Generator<Share> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  for (const [i, id] of samples.entries()) {
    const { functionName, url } = frames.get(id)!
    // Waiting for requests, and the profiler itself.
    if (functionName === '(idle)' || functionName === 'dispatch') continue
    yield { owner: ownerOf(functionName, url), amount: timeDeltas[i] ?? 0 }
  }
}

function * selfSizes ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): Generator<Share> {
  yield { owner: ownerOf(callFrame.functionName, callFrame.url), amount: selfSize }
  for (const child of children) yield * selfSizes(child)
}

const nativeCrypto = new Set(['oneShotDigest', 'RandomBytesJob', 'timingSafeEqual', 'run', 'crc32'])

function ownerOf (functionName: string, url: string): Owner {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (/^node:(internal\/crypto|crypto|zlib)/.test(url) || nativeCrypto.has(functionName)) return 'crypto'
  if (url.includes('/dist/')) return 'this package'
  if (url.includes('/node_modules/')) return 'Fastify'
  if (url.includes('/bench/contestants/')) return 'the benchmark'
  // Native functions have no URL; nearly all that are called here read and write sockets.
  return url.startsWith('node:') || (url === '' && functionName !== '(program)') ? 'HTTP and sockets' : 'other'
}

function perRequest (requests: number, shares: Iterable<Share>): Record<Owner, number> {
  const sums: Record<Owner, number> = {
    'this package': 0, Fastify: 0, crypto: 0, 'HTTP and sockets': 0, 'garbage collection': 0, 'the benchmark': 0, other: 0
  }
  for (const { owner, amount } of shares) sums[owner] += amount / requests
  return sums
}
