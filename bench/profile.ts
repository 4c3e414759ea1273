import type { HeapProfiler, Profiler } from 'node:inspector'
import type { Entry } from './comparisons.ts'
import { startContestant } from './contestant.ts'

/** CPU time and allocations of one request, in microseconds and bytes, by whose code it is. */
export interface RequestProfile {
  name: string
  microseconds: Record<Owner, number>
  allocatedBytes: Record<Owner, number>
}

/** Whose code runs. */
export type Owner = 'this package' | 'Fastify' | 'crypto' | 'timers and promises' | 'other Node.js' | 'garbage collection' | 'benchmark'

const warmUpMilliseconds = 1000
const profileMilliseconds = 2000

/** Profiles the process of an entry: its CPU time first, then its allocations. */
export async function profileRequest ({ name, contestant, request }: Entry): Promise<RequestProfile> {
  const running = await startContestant(contestant)
  const emit = (milliseconds: number) => running.call<{ requests: number }>('emitRequests', request, milliseconds)
  try {
    await emit(warmUpMilliseconds)
    await running.call('startCpuProfile')
    const timed = await emit(profileMilliseconds)
    const cpu = await running.call<Profiler.Profile>('stopCpuProfile')

    await running.call('startHeapProfile')
    const allocated = await emit(profileMilliseconds)
    const heap = await running.call<HeapProfiler.SamplingHeapProfile>('stopHeapProfile')
    return {
      name,
      microseconds: perRequest(timed.requests, selfTimes(cpu)),
      allocatedBytes: perRequest(allocated.requests, selfSizes(heap.head))
    }
  } finally {
    await running.stop()
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
    // The profiler itself, before and after the requests.
    if (functionName === '(idle)' || functionName === 'dispatch') continue
    yield { owner: ownerOf(functionName, url), amount: timeDeltas[i] ?? 0 }
  }
}

function * selfSizes ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): Generator<Share> {
  yield { owner: ownerOf(callFrame.functionName, callFrame.url), amount: selfSize }
  for (const child of children) yield * selfSizes(child)
}

const nativeCrypto = new Set(['oneShotDigest', 'RandomBytesJob', 'timingSafeEqual', 'run', 'crc32'])
const nativePromises = new Set(['race', 'then', 'Promise', 'resolve', 'reject', 'runMicrotasks', 'finally'])

function ownerOf (functionName: string, url: string): Owner {
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (/^node:(internal\/crypto|crypto|zlib)/.test(url) || nativeCrypto.has(functionName)) return 'crypto'
  if (/^node:(internal\/)?(timers|linkedlist|priority_queue|process\/(task_queues|promises))/.test(url) || nativePromises.has(functionName)) return 'timers and promises'
  if (url.includes('/dist/')) return 'this package'
  if (url.includes('/node_modules/')) return 'Fastify'
  return url.includes('/bench/') ? 'benchmark' : 'other Node.js'
}

function perRequest (requests: number, shares: Iterable<Share>): Record<Owner, number> {
  const sums: Record<Owner, number> = {
    'this package': 0, Fastify: 0, crypto: 0, 'timers and promises': 0, 'other Node.js': 0, 'garbage collection': 0, benchmark: 0
  }
  for (const { owner, amount } of shares) sums[owner] += amount / requests
  return sums
}
