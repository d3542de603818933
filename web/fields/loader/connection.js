// How the page and the frame find each other. Each proves its origin to the other:
//
//     frame ── hello, to the origin that its address names ──► page
//     frame ◄── a port, to the frame's own origin ──────────── page
//
// From then on they use the port alone, which nobody else has.

export function connect(frame, frameOrigin, onFrame) {
  let port = null;

  function hear(event) {
    if (event.origin !== frameOrigin || event.source !== frame.contentWindow) return;
    if (event.data?.farthing !== "hello") return;
    port?.close();
    const channel = new MessageChannel();
    port = channel.port1;
    const onMessage = onFrame((message) => channel.port1.postMessage(message));
    port.onmessage = ({ data }) => onMessage(data);
    frame.contentWindow.postMessage({ farthing: "port" }, frameOrigin, [channel.port2]);
  }

  window.addEventListener("message", hear);
  return {
    close() {
      window.removeEventListener("message", hear);
      port?.close();
    },
  };
}
