/* The search runs in a Worker, and browsers start none from file://. There, an iframe of this page takes its place:
   the script of the worker runs in the window of the iframe, and what it posts comes back as an event.
   The search looks for the name IFrameWorker in its parent to know where it is. */
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      const inside = frame.contentWindow
      inside.document.open()
      inside.document.write("<!doctype html><body>")
      inside.document.close()
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }))
      const script = inside.document.createElement("script")
      script.src = url
      this.inside = inside
      this.ready = new Promise(resolve => script.addEventListener("load", resolve))
      inside.document.body.append(script)
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) })))
    }
  }
}
