import { Session } from 'node:inspector/promises'

/** Profiles the CPU time and the allocations of this process. */
export class Profiles {
  #session = new Session()

  async startCpu () {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.setSamplingInterval', { interval: 200 })
    await this.#session.post('Profiler.start')
  }

  async stopCpu () {
    const { profile } = await this.#session.post('Profiler.stop')
    this.#session.disconnect()
    return profile
  }

  async startHeap () {
    this.#session.connect()
    await this.#session.post('HeapProfiler.startSampling', {
      samplingInterval: 4096,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true
    })
  }

  async stopHeap () {
    const { profile } = await this.#session.post('HeapProfiler.stopSampling')
    this.#session.disconnect()
    return profile
  }
}
