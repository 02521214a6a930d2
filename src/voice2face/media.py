"""The one door by which recordings and videos come in: bytes, of formats that are allowed.

FFmpeg reads from file objects only and is never given a path or an address to open. Demuxers that
refer to other files or to the network (playlists, concat, DASH, SDP, image sequences) and devices
are left out by listing what is allowed; so are decoders, by which a cover is never decoded.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import av
import av.error
from av.container import InputContainer

from voice2face.errors import Voice2FaceError

# What is read at all: every limit on input stands here, but for a recording's length
# (`audio.decode.MAX_DURATION_S`) and a picture's size (`images.photographs.MAX_PIXELS`).
MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 768_000
MAX_CHANNELS = 256
_MAX_TRACKS = 64
_MAX_PIPE_BYTES = 512 * 1024 * 1024
# A pipe that gives nothing for so long has stalled; and all of it has to come within the second.
STALL_LIMIT_S = 10.0
_PIPE_LIMIT_S = 600.0

_IN_MEMORY_BYTES = 32 * 1024 * 1024
_BLOCK_BYTES = 1 << 20
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")

# By itself, FFmpeg reads a WAV file in packets of 4 KiB and looks through all that it buffers for
# DTS in disguise, which takes three quarters of the time; here it looks at one packet of 32 KiB.
_WAV_OPTIONS = {"max_size": "32768", "max_probe_packets": "1"}

_DEMUXERS = (
    "aa,aac,aax,ac3,ac4,ace,acm,act,adp,ads,adx,aea,aiff,aix,amr,amrnb,amrwb,"
    "apac,apc,ape,aptx,aptx_hd,asf,asf_o,ast,au,av1,avi,avr,bfstm,binka,bit,"
    "boa,bonk,brstm,caf,codec2,codec2raw,dfpwm,dsf,dss,dts,dtshd,dv,dxa,eac3,"
    "epaf,evc,flac,flv,fsb,fwse,g722,g723_1,g726,g726le,g728,g729,gsm,gxf,h261,"
    "h263,h264,hca,hcom,hevc,iamf,ifv,iff,ilbc,ircam,iss,ivf,kux,kvag,laf,lc3,"
    "live_flv,loas,lrc,luodat,lvf,lxf,m4v,matroska,webm,mca,mjpeg,mlp,mlv,mm,"
    "mmf,mods,moflex,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,"
    "mpegvideo,msf,mtaf,mtv,musx,mxf,nistsphere,nsp,nsv,nut,nuv,obu,ogg,oma,"
    "osq,paf,pmp,pp_bnk,pva,pvf,qcp,qoa,r3d,redspark,rka,rm,rso,rsd,sbc,sdns,"
    "sdr2,sds,sdx,shn,siff,sln,smjpeg,smk,sol,sox,spdif,svag,svs,swf,tak,thp,"
    "truehd,tta,tty,ty,vag,vc1,vivo,voc,vpk,vqf,vvc,w64,wady,wav,wavarc,wsaud,"
    "wsd,wsvqa,wtv,wv,wve,xa,xmd,xmv,xvag,xwma"
)
AUDIO_CODECS = (
    "8svx_exp,8svx_fib,aac,aac_fixed,aac_latm,ac3,ac3_fixed,acelp.kelvin,adpcm_4xm,"
    "adpcm_adx,adpcm_afc,adpcm_agm,adpcm_aica,adpcm_ct,adpcm_dtk,adpcm_ea,"
    "adpcm_ima_alp,adpcm_ima_amv,adpcm_ima_apc,adpcm_ima_apm,adpcm_ima_dat4,"
    "adpcm_ima_dk3,adpcm_ima_dk4,adpcm_ima_iss,adpcm_ima_mtf,adpcm_ima_oki,adpcm_ima_qt,"
    "adpcm_ima_rad,adpcm_ima_smjpeg,adpcm_ima_ssi,adpcm_ima_wav,adpcm_ima_ws,"
    "adpcm_ima_xbox,adpcm_ms,adpcm_mtaf,adpcm_psx,adpcm_sanyo,adpcm_sbpro_2,"
    "adpcm_sbpro_3,adpcm_sbpro_4,adpcm_swf,adpcm_thp,adpcm_thp_le,adpcm_vima,adpcm_xa,"
    "adpcm_xmd,adpcm_yamaha,alac,als,amrnb,amrwb,ape,aptx,aptx_hd,atrac1,atrac3,"
    "atrac3al,atrac3plus,atrac3plusal,atrac9,bonk,comfortnoise,cook,dca,dfpwm,"
    "dolby_e,dsd_lsbf,dsd_lsbf_planar,dsd_msbf,dsd_msbf_planar,dss_sp,dst,dvaudio,"
    "eac3,evrc,fastaudio,flac,ftr,g722,g723_1,g726,g726le,g728,g729,gsm,gsm_ms,"
    "hca,hcom,iac,ilbc,imc,interplayacm,libopencore_amrnb,libopencore_amrwb,libopus,"
    "mace3,mace6,metasound,misc4,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3adu,"
    "mp3adufloat,mp3float,mp3on4,mp3on4float,mpc7,mpc8,msnsiren,nellymoser,on2avc,"
    "opus,osq,paf_audio,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,"
    "pcm_f32le,pcm_f64be,pcm_f64le,pcm_lxf,pcm_mulaw,pcm_s16be,pcm_s16be_planar,"
    "pcm_s16le,pcm_s16le_planar,pcm_s24be,pcm_s24daud,pcm_s24le,pcm_s24le_planar,"
    "pcm_s32be,pcm_s32le,pcm_s32le_planar,pcm_s64be,pcm_s64le,pcm_s8,pcm_s8_planar,"
    "pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,pcm_vidc,"
    "qcelp,qdm2,qdmc,qoa,ralf,real_144,real_288,rka,s302m,sbc,sdx2_dpcm,shorten,"
    "sipr,siren,smackaud,speex,tak,truehd,truespeech,tta,twinvq,vorbis,wady_dpcm,"
    "wavarc,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice,ws_snd1,xma1,xma2"
)
VIDEO_CODECS = (
    "av1,cinepak,dnxhd,dvvideo,ffv1,ffvhuff,flashsv,flv,h261,h263,h263i,h263p,"
    "h264,hevc,huffyuv,indeo3,indeo4,indeo5,libdav1d,libvpx,libvpx-vp9,mjpeg,"
    "mpeg1video,mpeg2video,mpeg4,mpegvideo,msmpeg4,msmpeg4v1,msmpeg4v2,msvideo1,"
    "prores,qtrle,rawvideo,rpza,rv10,rv20,rv30,rv40,svq1,svq3,theora,vc1,vp6,"
    "vp6a,vp6f,vp8,vp9,wmv1,wmv2,wmv3"
)
# Titles in an old encoding are no reason to refuse. PyAV 19 never does, and has no such option.
_LENIENT: dict[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= 19 else {"metadata_errors": "ignore"}
)
_OPTIONS = {
    "format_whitelist": _DEMUXERS,
    "protocol_whitelist": "none",
}


def open_bytes(path: Path, name: str, error: type[Voice2FaceError]) -> IO[bytes]:
    """Open a file, or read a pipe to its end, so that it can be sought in.

    Args:
        path: A regular file or a pipe; "-" is standard input.

    Returns:
        A binary file, at its beginning; the caller closes it.

    Raises:
        Voice2FaceError: Of the kind asked for: it is missing, may not be read, is a folder, a
            device or an address; or a pipe stalls, or gives more than `_MAX_PIPE_BYTES`.
    """
    try:
        if str(path) == "-":
            return _whole_pipe(os.dup(0), name, error)
        # A pipe without a writer would hang in opening.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return os.fdopen(descriptor, "rb")
        if stat.S_ISFIFO(mode):
            return _whole_pipe(descriptor, name, error)
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(mode) else "a device, not a file"
        raise error(f"{name}: is {what}; give a file")
    except FileNotFoundError:
        if _ADDRESS.match(str(path)):
            raise error(
                f"{name}: is an address; only files are read, so save it as a file first"
            ) from None
        raise error(f"{name}: no such file") from None
    except PermissionError:
        raise error(f"{name}: may not be read (permission denied)") from None
    except (OSError, ValueError) as problem:
        raise error(f"{name}: cannot be opened ({_reason(problem)})") from None


@contextlib.contextmanager
def open_media(
    source: Path | BinaryIO | IO[bytes],
    name: str,
    codecs: str,
    error: type[Voice2FaceError],
) -> Iterator[InputContainer]:
    """Open a recording or video for decoding.

    Args:
        codecs: `AUDIO_CODECS` or `VIDEO_CODECS`: decoders that may look at its tracks.

    Yields:
        The container. What FFmpeg raises within, becomes the error asked for.

    Raises:
        Voice2FaceError: Of the kind asked for: it cannot be opened (see `open_bytes`), is of no
            format that is read, or has more than `_MAX_TRACKS` tracks.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(source, Path):
            file = stack.enter_context(open_bytes(source, name, error))
        else:
            file = source
            file.seek(0)
        start = file.read(12)
        file.seek(0)
        suffix = Path(name).suffix.lower()
        suffix = suffix if suffix[1:].isalnum() and suffix.isascii() else ""
        options = dict(_OPTIONS, codec_whitelist=codecs)
        if start[:4] == b"RIFF" and start[8:] == b"WAVE":
            options |= _WAV_OPTIONS
        try:
            container = stack.enter_context(
                av.open(
                    _Bytes(file, f"recording{suffix}"),  # pyright: ignore[reportArgumentType]
                    container_options=options,
                    **_LENIENT,
                )
            )
            if len(container.streams) > _MAX_TRACKS:
                raise error(
                    f"{name}: has {len(container.streams)} tracks; at most {_MAX_TRACKS} are read"
                )
            yield container
        except (av.error.FFmpegError, OSError, ValueError, EOFError, IndexError) as problem:
            kind, give = (
                ("recording", "WAV, FLAC, MP3, M4A, Ogg, WebM or another audio or video file")
                if codecs == AUDIO_CODECS
                else ("video", "MP4, MKV, WebM, MPEG or another video file")
            )
            raise error(
                f"{name}: not a {kind} that FFmpeg can read ({_reason(problem)}); give {give}"
            ) from None


def _reason(problem: BaseException) -> str:
    """Say what FFmpeg or the system found wrong, in words."""
    if isinstance(problem, av.error.FFmpegError) and not isinstance(
        problem, (av.error.InvalidDataError, av.error.EOFError)
    ):
        return "damaged, or of a kind that is not read"  # its other codes say other things
    return getattr(problem, "strerror", None) or str(problem)


class _Bytes:
    """A file as FFmpeg may see it: to read, to seek in, and with a suffix for a name."""

    def __init__(self, file: BinaryIO | IO[bytes], name: str) -> None:
        self.name = name
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _whole_pipe(descriptor: int, name: str, error: type[Voice2FaceError]) -> IO[bytes]:
    """Read a descriptor to its end into a temporary file, which is in memory while it is small."""
    spooled = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - returned
    ends = time.monotonic() + _PIPE_LIMIT_S
    n_bytes = 0
    try:
        while block := _block(descriptor, name, error):
            n_bytes += len(block)
            if n_bytes > _MAX_PIPE_BYTES:
                raise error(
                    f"{name}: gives more than {_MAX_PIPE_BYTES >> 20} MiB; give a file instead"
                )
            if time.monotonic() > ends:
                raise error(f"{name}: took longer than {_PIPE_LIMIT_S:.0f} s; give a file instead")
            spooled.write(block)
    finally:
        os.close(descriptor)
    if not n_bytes:
        what = "standard input" if name == "-" else "the pipe"
        raise error(f"{name}: {what} is empty; pipe a recording into it")
    spooled.seek(0)
    return spooled


def _block(descriptor: int, name: str, error: type[Voice2FaceError]) -> bytes:
    """Wait for some bytes of a descriptor; none at its end."""
    if os.name == "posix":  # elsewhere only sockets can be waited for
        ready, _, _ = select.select([descriptor], [], [], STALL_LIMIT_S)
        if not ready:
            raise error(f"{name}: gave nothing for {STALL_LIMIT_S:.0f} s; give a file instead")
    return os.read(descriptor, _BLOCK_BYTES)
