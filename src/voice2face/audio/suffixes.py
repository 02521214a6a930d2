"""Suffixes by which audio and video files are told in a folder."""

from __future__ import annotations

# Files taken from a folder. A file that is named itself may have any name.
_VIDEO = (
    "3g2,3gp,3gp2,3gpp,asf,avi,divx,dv,f4v,flv,ivf,m1v,m2t,m2ts,m2v,m4v,mjpg,"
    "mkv,mov,mp4,mp4v,mpe,mpeg,mpg,mts,mxf,nut,nuv,obu,ogm,ogv,ogx,qt,rm,"
    "rmvb,swf,ts,vob,webm,wmv,wtv,xmv"
)
VIDEO_SUFFIXES = frozenset(f".{suffix}" for suffix in _VIDEO.split(","))
_AUDIO = (
    "3ga,669a,aa3,aac,aax,ac3,ac4,act,adts,adx,aif,aifc,aiff,amr,ape,aptx,au,"
    "awb,bit,bwf,caf,codec2,dff,dsf,dss,dts,dtshd,ec3,eac3,f4a,f4b,flac,fla,"
    "g722,g723,g729,gsm,hca,iamf,ilbc,ircam,lc3,loas,lvf,m4a,m4b,m4p,m4r,mka,"
    "mlp,mmf,mp+,mp1,mp2,mp3,mpa,mpc,mpga,mpp,nist,nsv,oga,ogg,oma,omg,opus,"
    "osq,paf,pvf,qcp,qoa,ra,ram,rf64,rka,rso,sds,sdx,sf,shn,sln,smp,snd,sox,"
    "sph,spx,tak,thd,tta,truehd,vag,voc,vqf,vqe,vql,w64,wav,wave,wax,weba,"
    "wma,wsd,wv,wve,xa,xwma"
)
MEDIA_SUFFIXES = VIDEO_SUFFIXES | frozenset(f".{suffix}" for suffix in _AUDIO.split(","))
